// Inside any run: neurons over a text, its gates, and how far back it remembers, next to other runs.

import { ask, ofRun } from "../lib/api.js";
import { to } from "../lib/address.js";
import { fill, h } from "../lib/dom.js";
import { memory } from "./inside_memory.js";
import { NeuronsView } from "./inside_neurons.js";

/** @type {import("../main.js").Show} */
export async function show(page) {
  const { main, path: [name], query, signal, fail } = page;
  document.title = `Inside ${name} – statewise studio`;
  fill(main, h("p", { class: "quiet" }, "The model is being loaded …"));
  const [facts, run] = await Promise.all([ask("POST", ofRun(name, "/open"), undefined, signal), ask("GET", ofRun(name), undefined, signal)]);
  if (signal.aborted) return;
  const neurons = facts.reads_text ? new NeuronsView(name, query, signal, fail) : null;
  fill(main, h("div", { class: "head" }, h("h1", {}, `Inside ${name}`), h("a", { class: "button", href: to(["run", name]) }, "Curves"), h("a", { class: "button", href: to(["use", name]) }, "Use")),
    neurons ? neurons.element : h("p", { class: "quiet" }, "Neurons are shown over text; this run reads something else. How far back it remembers can be measured for any run."),
    memory(name, query, signal, fail));
  if (neurons) await neurons.begin(query.get("text") ?? sample(run) ?? facts.question.prompt ?? "");
}

/** What a run wrote last: a text that it knows how to read. @param {any} run */
function sample(run) {
  const text = /** @type {string | undefined} */ (Object.values(run.samples ?? {}).pop())?.trim();
  return text ? text.slice(0, 1200) : undefined;
}
