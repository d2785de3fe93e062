// Sentences and their translations, the best first, with what each piece looked at; and how likely one of yours is.

import { buttons, LastQuestion, reading } from "../lib/asking.js";
import { keep } from "../lib/address.js";
import { announce, fill, h, settled, shown } from "../lib/dom.js";
import { alignment } from "../lib/looks.js";
import { slider } from "../lib/slider.js";

/** @type {import("./use.js").ShowUse} */
export async function show({ main, query, facts, signal, fail }) {
  const question = new LastQuestion(facts.id, signal);
  const { number, text } = reading(query);
  const given = h("textarea", { id: "text", class: "wide", rows: "3", spellcheck: "false", oninput: settled(400, () => remember()) });
  given.value = text("text", facts.question.text ?? "");
  const changed = settled(400, () => translate().catch(fail));
  const beam = slider("Beam", { min: 1, max: 20, step: 1, value: number("beam", 5) }, changed);
  const best = slider("How many", { min: 1, max: 10, step: 1, value: number("best", 3) }, changed);
  const own = h("input", { id: "own", type: "text", value: text("own"), autocomplete: "off", oninput: settled(400, () => remember()) });
  const answers = h("div", { class: "answers" });
  const likely = h("p", { role: "status" });
  const remember = () => keep({ text: given.value, beam: beam.value(), best: best.value(), own: own.value });

  async function translate() {
    remember();
    if (!given.value.trim()) return;
    const told = await question.predict({ text: given.value, beam: Math.max(beam.value(), best.value()), best: best.value(), align: true });
    if (!told) return;
    fill(answers, told.answer.map(one));
    announce(told.answer.map((/** @type {any} */ each) => each.translations[0]?.text).join(" "));
    if (own.value.trim()) await score();
  }

  async function score() {
    remember();
    const [source] = given.value.split("\n").filter((line) => line.trim());
    if (!source || !own.value.trim()) return;
    const told = await question.predict({ text: source, score: own.value });
    if (!told) return;
    const [{ log_probability: nats }] = told.answer[0].translations;
    likely.textContent = `“${own.value.trim()}” as the translation of the first sentence: ${shown(nats)} nats, that is ${percent(nats)}`;
  }

  const submit = (/** @type {Event} */ event) => { event.preventDefault(); translate().catch(fail); };
  fill(main, h("form", { onsubmit: submit, "aria-label": "what to translate" },
    h("div", { class: "field" }, h("label", { for: "text" }, "Text, a sentence a line"), given),
    h("div", { class: "sliders" }, beam.element, best.element), h("button", { class: "main" }, "Translate")), answers,
  h("section", {}, h("h2", {}, "How likely is yours?"), h("form", { class: "row", onsubmit: (/** @type {Event} */ event) => { event.preventDefault(); score().catch(fail); } },
    h("label", { for: "own" }, "Your translation"), own, buttons(fail)("Score", score)), likely));
  await translate();
}

/** @param {any} told */
function one({ source, translations, looked_at: looked }) {
  return h("article", { class: "card" }, h("p", { class: "quiet" }, source),
    h("ol", { class: "ranked" }, translations.map((/** @type {any} */ each) => h("li", {}, h("span", { class: "said" }, each.text || "(nothing)"),
      h("span", { class: "quiet" }, ` ${shown(each.log_probability)} nats, ${percent(each.log_probability)}${each.is_finished ? "" : ", cut at the limit"}`)))),
    looked && looked.written.length ? alignment(looked) : null);
}

/** @param {number} nats */
function percent(nats) {
  const share = 100 * Math.exp(nats);
  return share >= 0.01 ? `${shown(Number(share.toPrecision(3)))} %` : "less than 0.01 %";
}
