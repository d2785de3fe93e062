// What a run can do: the page of its task, or, for every task, its answers by a form and its live lines.

import { ask, ofRun } from "../lib/api.js";
import { keep, to } from "../lib/address.js";
import { announce, fill, h } from "../lib/dom.js";
import { field, given, restore, typed } from "../lib/form.js";
import { Talk } from "../lib/talk.js";

/**
 * @typedef {object} Use what a page of a task is given besides
 * @property {any} facts of the model, as the server tells them
 */
/** @typedef {(page: import("../main.js").Page & Use) => Promise<void> | void} ShowUse */

/** @type {Record<string, () => Promise<{show: ShowUse}>>} */
const OF_TASKS = {
  text: () => import("./text.js"),
  sketch: () => import("./sketch.js"),
  handwriting: () => import("./handwriting.js"),
  forecast: () => import("./forecast.js"),
  recommend: () => import("./recommend.js"),
  translate: () => import("./translate.js"),
  answer: () => import("./answer.js"),
  chat: () => import("./chat.js"),
  dialogue: () => import("./dialogue.js"),
  caption: () => import("./caption.js"),
  gesture: () => import("./gesture.js"),
  speech: () => import("./speech.js"),
  game: () => import("./game.js"),
  sound: () => import("./sound.js"),
};

/** @type {import("../main.js").Show} */
export async function show(page) {
  const { main, path: [name, kind], signal } = page;
  document.title = `${name} – statewise studio`;
  fill(main, h("p", { class: "quiet" }, "The model is being loaded …"));
  const facts = await ask("POST", ofRun(name, "/open"), undefined, signal);
  if (signal.aborted) return;
  const own = kind === "form" ? undefined : OF_TASKS[facts.page];
  const body = h("div");
  fill(main, h("div", { class: "head" }, h("h1", {}, name), h("span", { class: "quiet" }, facts.title),
    h("a", { class: "button", href: to(["run", name]) }, "Curves"), h("a", { class: "button", href: to(["inside", name]) }, "Inside"),
    OF_TASKS[facts.page] ? h("a", { class: "button", href: to(own ? ["use", name, "form"] : ["use", name]) }, own ? "As a form" : "Its own page") : null),
  facts.notice ? h("p", { class: "problem" }, facts.notice) : null, body);
  const shown = { ...page, main: body, facts };
  if (own) await (await own()).show(shown);
  else answers(shown);
}

/** @param {import("../main.js").Page & Use} page */
function answers({ main, query, facts, signal, fail }) {
  const name = facts.id;
  const text = h("pre", { class: "sample large", tabindex: "0", role: "region", "aria-label": "answer" });
  const schema = facts.predict.properties ?? {};
  const fields = Object.entries(schema).map(([key, of]) => field(key, { ...of, ...resolved(of, facts.predict.$defs) }, () => keep(typed(fields))));
  const button = h("button", { class: "main" }, "Answer");
  const submit = async (/** @type {Event} */ event) => {
    event.preventDefault();
    button.disabled = true;
    text.textContent = "…";
    try {
      const told = await ask("POST", ofRun(name, "/answer"), { arguments: given(fields) }, signal);
      text.textContent = [...told.notices, told.text].join("\n").replace(/\s+$/, "");
      announce(text.textContent?.slice(0, 500) ?? "");
    } catch (error) {
      text.textContent = "";
      fail(error);
    }
    button.disabled = false;
  };
  for (const each of fields) if (facts.question[each.name] !== undefined) each.set(facts.question[each.name]);
  restore(fields, query);
  fill(main, h("form", { class: "card", onsubmit: submit, "aria-label": "question" }, h("div", { class: "grid" }, fields.map((each) => each.element)), button), text,
    facts.sessions.live ? lines(name, facts.sessions.live, signal, fail) : null);
}

/**
 * @param {any} schema
 * @param {any} definitions
 */
function resolved(schema, definitions) {
  const named = schema.$ref?.split("/").pop();
  return named && definitions ? definitions[named] : {};
}

/**
 * Lines one after another, each answered as `statewise stream` does.
 * @param {string} model
 * @param {any} live
 * @param {AbortSignal} signal
 * @param {(error: unknown) => void} fail
 */
function lines(model, live, signal, fail) {
  const example = typeof live.example === "string" ? live.example : JSON.stringify(live.example);
  const talk = new Talk({ model, signal, fail, label: "Next", placeholder: example.slice(0, 100), read: (text) => read(text, live.types),
    words: (answer) => (typeof answer === "string" ? answer : JSON.stringify(answer)) });
  return h("section", {}, h("h2", {}, "One after another"), h("p", { class: "quiet" }, `Each is ${live.input}; the model remembers those before.`), talk.element);
}

/**
 * @param {string} text
 * @param {string[]} types
 */
function read(text, types) {
  if (types.includes("string") && !/^[[{]/.test(text.trim())) return text;
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}
