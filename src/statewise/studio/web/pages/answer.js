// Ask a story, a passage or a table: the answer, how sure it is, and on what it rests.

import { buttons, LastQuestion, reading } from "../lib/asking.js";
import { Chain } from "../lib/chain.js";
import { keep } from "../lib/address.js";
import { announce, fill, h, shown } from "../lib/dom.js";
import { level } from "../lib/looks.js";

const MOST_ROWS = 200;

/** @type {import("./use.js").ShowUse} */
export async function show({ main, query, facts, signal, fail }) {
  const kind = facts.names.columns ? "table" : facts.names.answers ? "story" : "passage";
  const { text } = reading(query);
  const [example, asked] = split(facts.question.text ?? "");
  const question = new LastQuestion(facts.id, signal);
  const context = h("textarea", { id: "context", class: "wide", rows: "6", spellcheck: "false" });
  context.value = text("context", example);
  const input = h("input", { id: "question", type: "text", value: text("question", kind === "table" ? facts.question.text : asked), autocomplete: "off", class: "wide" });
  const out = h("div", { class: "answers", "aria-live": "polite" });

  async function answer() {
    keep({ context: kind === "table" ? "" : context.value, question: input.value });
    const words = input.value.trim();
    if (!words) return;
    let told;
    if (kind === "passage") {
      told = (await new Chain(facts.id, signal, { text: context.value }).push(words)).answer;
    } else {
      const found = await question.predict({ text: kind === "table" ? words : `${context.value}\n${words.replace(/\?*$/, "?")}` });
      if (!found) return;
      told = found.answer[found.answer.length - 1];
    }
    const shownAs = { table: () => ofTable(told), story: () => ofStory(told), passage: () => ofPassage(told, context.value) }[kind];
    fill(out, h("article", { class: "card" }, h("p", { class: "quiet" }, told.question), shownAs()));
    announce(told.answer ?? told.why ?? "");
  }

  const submit = (/** @type {Event} */ event) => { event.preventDefault(); answer().catch(fail); };
  fill(main, h("form", { onsubmit: submit, "aria-label": "what to ask" },
    kind === "table" ? columns(facts.names.columns)
      : h("div", { class: "field" }, h("label", { for: "context" }, kind === "story" ? "Story, a sentence a line" : "Passage"), context),
    h("div", { class: "field" }, h("label", { for: "question" }, "Question"), input),
    h("div", { class: "row" }, h("button", { class: "main" }, "Ask"), kind === "table" ? null : buttons(fail)("The example", () => {
      [context.value, input.value] = [example, asked];
      return answer();
    }))), out);
  if (query.has("question")) await answer();
}

/**
 * Return what stands before the last question of a text, and the question.
 * @param {string} text
 */
function split(text) {
  const parts = text.match(/[^.?!\n]+[.?!]?/g)?.map((part) => part.trim()).filter(Boolean) ?? [];
  const asked = parts[parts.length - 1]?.endsWith("?") ? /** @type {string} */ (parts.pop()) : "";
  return [parts.join("\n"), asked];
}

/** @param {any[]} rows */
function columns(rows) {
  return h("p", { class: "quiet" }, `The table has the columns ${rows.map(({ column, kind }) => `${column} (${kind})`).join(", ")}.`);
}

/** @param {number} probability */
function sure(probability) {
  return h("span", { class: "quiet" }, ` ${Math.round(100 * probability)} % sure`);
}

/** @param {any} told */
function ofStory({ answer, probability, why, looked_at: looked }) {
  const most = Math.max(0, ...looked.map((/** @type {any} */ one) => one.share));
  return h("div", {}, h("p", {}, h("strong", { class: "said" }, answer ?? "not known"), answer ? sure(probability) : `: ${why}`),
    looked.length ? h("h2", { class: "small" }, "What it looked at") : null,
    h("ul", { class: "plain evidence" }, looked.map((/** @type {any} */ one) => h("li", { class: `l${level(one.share, most)}` },
      h("span", {}, one.sentence), h("span", { class: "share" }, `${Math.round(100 * one.share)} %`)))));
}

/**
 * @param {any} told
 * @param {string} passage
 */
function ofPassage({ answer, begin, end, probability }, passage) {
  const letters = Array.from(passage); // places are of characters, not of halves of them
  const part = (/** @type {number} */ from, /** @type {number} */ to) => letters.slice(from, to).join("");
  return h("div", {}, h("p", {}, h("strong", { class: "said" }, answer), sure(probability)), h("h2", { class: "small" }, "Where it stands"),
    h("p", { class: "passage" }, part(0, begin), h("mark", {}, part(begin, end)), part(end, letters.length)));
}

/** @param {any} told */
function ofTable({ query, rows, probability, why, readings }) {
  if (!rows) {
    return h("div", {}, h("p", {}, why), readings.length ? h("ul", {}, readings.map((/** @type {any} */ one) =>
      h("li", {}, h("code", {}, one.query), sure(one.probability)))) : null);
  }
  const more = rows.length > MOST_ROWS ? h("p", { class: "quiet" }, `and ${shown(rows.length - MOST_ROWS)} more rows`) : null;
  const cell = (/** @type {any} */ value) => h("td", {}, typeof value === "number" ? shown(value) : String(value ?? ""));
  const one = rows.length === 1 && rows[0].length === 1 ? h("p", {}, h("strong", { class: "said" }, typeof rows[0][0] === "number" ? shown(rows[0][0]) : String(rows[0][0] ?? "nothing")), sure(probability)) : null;
  return h("div", {}, one ?? h("p", {}, `${shown(rows.length)} ${rows.length === 1 ? "row" : "rows"}`, sure(probability)),
    one ? null : h("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": "rows" }, h("table", {}, h("tbody", {}, rows.slice(0, MOST_ROWS).map((/** @type {any[]} */ row) => h("tr", {}, row.map(cell)))))), more,
    h("h2", { class: "small" }, "How it was read"), h("code", { class: "command", tabindex: "0" }, query));
}
