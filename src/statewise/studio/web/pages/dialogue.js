// A conversation with a bot: what it understood, and the slots filling in view; the last turn taken back with the state.

import { buttons } from "../lib/asking.js";
import { keep } from "../lib/address.js";
import { fill, h } from "../lib/dom.js";
import { spoken } from "../lib/speak.js";
import { Talk } from "../lib/talk.js";

const MOST_KEPT = 30;
const ASKS = { ElicitSlot: "asks for", ConfirmIntent: "asks whether that is right", ElicitIntent: "asks what is wanted", Close: "is done", Delegate: "goes on" };

/** @type {import("./use.js").ShowUse} */
export async function show({ main, query, facts, signal, fail }) {
  const voice = spoken(query, () => remember());
  const state = h("section", { class: "card", "aria-label": "what it knows", "aria-live": "polite" });
  const words = (/** @type {any} */ answer) => answer.messages.map((/** @type {any} */ one) => one.content).join("\n") || `(${answer.sessionState.dialogAction?.type ?? "no word"})`;
  const talk = new Talk({
    model: facts.id, signal, fail, label: "You", placeholder: facts.question.text ?? "", words, more: understood,
    changed: (answers) => {
      remember();
      const last = answers[answers.length - 1];
      fill(state, known(last));
      if (last) voice.say(words(last));
    },
  });
  const remember = () => keep({ say: talk.said.slice(-MOST_KEPT), aloud: voice.isOn() ? 1 : "" });
  const intents = (facts.names.intents ?? []).map((/** @type {any} */ row) => row.intent).join(", ");
  fill(state, known(undefined));
  fill(main, h("p", { class: "quiet" }, `It can do: ${intents}.`), h("div", { class: "two" },
    h("div", {}, talk.element, h("div", { class: "row" }, buttons(fail)("Begin again", () => talk.clear()), voice.element)), state));
  for (const line of query.getAll("say")) if (!await talk.say(line)) break;
}

/** @param {any} answer */
function understood({ interpretations }) {
  const [first, ...others] = interpretations.filter((/** @type {any} */ one) => one.nluConfidence);
  if (!first) return null;
  const share = (/** @type {any} */ one) => `${one.intent.name} ${Math.round(100 * one.nluConfidence.score)} %`;
  return h("p", { class: "help" }, `understood as ${share(first)}${others.length ? `, or ${others.slice(0, 3).map(share).join(", ")}` : ""}`);
}

/** @param {any} answer */
function known(answer) {
  const now = answer?.sessionState;
  const intent = now?.intent;
  if (!intent) return [h("h2", {}, "What it knows"), h("p", { class: "quiet" }, "Nothing yet.")];
  const action = now.dialogAction ?? {};
  const slots = Object.entries(intent.slots ?? {});
  const asks = `${/** @type {Record<string, string>} */ (ASKS)[action.type] ?? action.type}${action.slotToElicit ? ` ${action.slotToElicit}` : ""}`;
  return [h("h2", {}, intent.name), h("p", { class: "quiet" }, `${intent.state ?? ""}; it ${asks}`),
    h("dl", { class: "pairs slots" }, slots.flatMap(([name, of]) => {
      const value = /** @type {any} */ (of)?.value;
      const isAsked = action.slotToElicit === name;
      return [h("dt", {}, name), h("dd", { class: value ? "filled" : isAsked ? "asked" : "" }, value ? shownValue(value) : isAsked ? "? (asked now)" : "–")];
    })),
    now.activeContexts?.length ? h("p", { class: "quiet" }, `contexts: ${now.activeContexts.map((/** @type {any} */ one) => one.name).join(", ")}`) : null];
}

/** @param {any} value */
function shownValue({ originalValue: original, interpretedValue: interpreted }) {
  return interpreted && interpreted !== original ? `${interpreted} (“${original}”)` : interpreted ?? original;
}
