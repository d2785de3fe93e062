// A conversation with a model that was trained on conversations; the last exchange can be taken back with the state.

import { buttons, reading } from "../lib/asking.js";
import { keep } from "../lib/address.js";
import { fill, h, settled, shown } from "../lib/dom.js";
import { slider } from "../lib/slider.js";
import { spoken } from "../lib/speak.js";
import { Talk } from "../lib/talk.js";

const MOST_KEPT = 30;

/** @type {import("./use.js").ShowUse} */
export async function show({ main, query, facts, signal, fail }) {
  const { number } = reading(query);
  const voice = spoken(query, () => remember());
  const changed = settled(300, () => remember());
  const temperature = slider("Temperature", { min: 0, max: 2, step: 0.05, value: number("temperature", 0), off: 0 }, changed);
  const generic = slider("Against what is always said", { min: 0, max: 3, step: 0.1, value: number("generic", 1) }, changed);
  const seed = h("input", { id: "seed", type: "number", min: "0", value: String(number("seed", 0)), oninput: changed });
  const settings = () => ({ against_generic: generic.value(), ...(temperature.value() ? { temperature: temperature.value(), seed: Number(seed.value) || 0 } : {}) });
  const talk = new Talk({
    model: facts.id, signal, fail, label: "You", placeholder: facts.question.text ?? "", settings,
    words: ({ text }) => text, more, changed: (answers) => { remember(); if (answers.length) voice.say(answers[answers.length - 1].text); },
  });
  const remember = () => keep({ say: talk.said.slice(-MOST_KEPT), temperature: temperature.value() || "", generic: generic.value(), seed: Number(seed.value) || "", aloud: voice.isOn() ? 1 : "" });
  fill(main, h("div", { class: "sliders" }, temperature.element, generic.element, h("div", {}, h("label", { for: "seed" }, "Seed "), seed), voice.element),
    talk.element, h("div", { class: "row" }, buttons(fail)("Forget all", () => talk.clear())));
  const before = query.getAll("say");
  for (const line of before) if (!await talk.say(line)) break;
}

/** @param {any} answer */
function more({ knows, confidence, threshold, unknown_words: unknown, candidates }) {
  const others = candidates.slice(1);
  return h("div", { class: "help" },
    knows ? null : h("p", {}, `It is not sure: ${shown(confidence)}, below ${shown(threshold)}.`),
    unknown.length ? h("p", {}, `Words that it does not know: ${unknown.join(", ")}`) : null,
    others.length ? h("details", {}, h("summary", {}, "Other replies"), h("ul", {}, others.map((/** @type {any} */ one) => h("li", {}, `${one.text} (${shown(one.score)})`)))) : null);
}
