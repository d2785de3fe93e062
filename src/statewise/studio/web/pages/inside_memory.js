// How far back a run remembers, on its held-out data: where gradients come from, what of the past is used, its gates.

import { ask, ofRun } from "../lib/api.js";
import { keepAlso } from "../lib/address.js";
import { Curve } from "../lib/curve.js";
import { announce, fill, h, inWords, shown } from "../lib/dom.js";
import { slider } from "../lib/slider.js";

const BARS = 20;

/**
 * @param {string} name
 * @param {URLSearchParams} query
 * @param {AbortSignal} signal
 * @param {(error: unknown) => void} fail
 */
export function memory(name, query, signal, fail) {
  const remember = () => keepAlso({ lags: lags.value(), probes: probes.value(), with: against.value });
  const lags = slider("Steps back", { min: 10, max: 200, step: 10, value: Number(query.get("lags") ?? 40) }, remember);
  const probes = slider("Places", { min: 16, max: 256, step: 16, value: Number(query.get("probes") ?? 64) }, remember);
  const against = h("select", { id: "against", onchange: remember }, h("option", { value: "" }, "the untrained network alone"));
  ask("GET", "/studio/runs", undefined, signal).then(({ runs }) => {
    against.append(...runs.filter((/** @type {any} */ run) => run.last && run.name !== name && run.state !== "damaged").map((/** @type {any} */ run) => h("option", { value: run.name }, run.name)));
    against.value = query.get("with") ?? "";
  }).catch(fail);
  const out = h("div");
  const button = h("button", { type: "button", class: "main", onclick: async () => {
    button.disabled = true;
    remember();
    fill(out, h("p", { class: "quiet", role: "status" }, "It is measured on the held-out data, which takes seconds, or minutes for a large run …"));
    try {
      const told = await ask("POST", ofRun(name, "/memory"), { lags: lags.value(), probes: probes.value(), compare: against.value ? [against.value] : [] }, signal);
      fill(out, drawn(told, signal));
      announce(told.warnings.join(" ") || "It is measured.");
    } catch (error) {
      fill(out);
      if (!signal.aborted) fail(error);
    }
    button.disabled = false;
  } }, "Measure");
  return h("section", {}, h("h2", {}, "How far back it remembers"),
    h("div", { class: "sliders" }, lags.element, probes.element, h("div", {}, h("label", { for: "against" }, "next to "), against)), h("div", { class: "row" }, button), out);
}

/**
 * @param {any} told
 * @param {AbortSignal} signal
 */
function drawn({ memories, warnings }, signal) {
  const own = memories[0];
  const curve = (/** @type {string} */ title, /** @type {(memory: any) => {xs: number[], ys: number[]}} */ of) => {
    const made = new Curve(title, { x: "steps back" });
    signal.addEventListener("abort", () => made.close());
    made.series = memories.map((/** @type {any} */ each) => ({ name: each.name, ...of(each), dots: true }));
    made.later();
    return made.element;
  };
  const shares = curve("Share of the gradient that comes from so far back (log 10)", ({ inputs }) => ({ xs: inputs.shares.map((/** @type {any} */ _, /** @type {number} */ at) => at), ys: inputs.shares.map(logged) }));
  const cut = curve("How far predictions move when the past before is cut off (log 10 of nats)", (each) => ({ xs: each.cut.curve.lags, ys: each.cut.curve.means.map(logged) }));
  const replaced = curve("How far they move when that one input is another (log 10 of nats)", (each) => ({ xs: each.replaced.lags, ys: each.replaced.means.map(logged) }));
  return [
    h("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": "how far back each remembers" }, h("table", {}, h("thead", {}, h("tr", {}, h("td", {}), ["95 % of the gradient lies within", "the past is used for", "loss"].map((head) => h("th", { scope: "col" }, head)))),
      h("tbody", {}, memories.map((/** @type {any} */ each, /** @type {number} */ at) => h("tr", {}, h("th", { scope: "row", class: `key key-${at + 1}` }, each.name),
        h("td", {}, edge(each.inputs.horizon)), h("td", {}, edge(each.cut.context)), h("td", {}, each.loss === null ? "–" : `${shown(each.loss)} nats`)))))),
    h("div", { class: "charts" }, shares, cut, replaced),
    warnings.length ? h("ul", {}, warnings.map((/** @type {string} */ one) => h("li", {}, one))) : null,
    gates(own.cells),
  ];
}

/** @param {any} edge */
function edge({ steps, is_bound: isBound }) {
  const [low, high] = [steps.low, steps.high].map((one) => (one === null ? null : shown(Number(one.toPrecision(3)))));
  return `${isBound ? "at least " : ""}${shown(Number(steps.value.toPrecision(3)))} steps${low !== null && high !== null && low !== high ? ` (${low} to ${high})` : ""}`;
}

/** @param {number | null} value */
function logged(value) {
  return value !== null && value > 0 ? Math.log10(value) : /** @type {any} */ (null);
}

/** @param {Record<string, any>} cells */
function gates(cells) {
  const rows = Object.entries(cells).flatMap(([cell, of]) => Object.entries(of.gates).map(([gate, share]) => ({ cell, gate, ...share })));
  if (!rows.length) return h("p", { class: "quiet" }, "Its cells have no gates.");
  const mean = (/** @type {number[]} */ values) => values.reduce((sum, value) => sum + value, 0) / (values.length || 1);
  return h("section", {}, h("h3", {}, "Gates"), h("p", { class: "quiet" }, "How often each is shut (below 0.1) and open (above 0.9), and all of its values from 0 to 1."),
    h("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": "gates" }, h("table", {}, h("thead", {}, h("tr", {}, ["cell", "gate", "shut", "open", "from 0 to 1"].map((head) => h("th", { scope: "col" }, head)))),
      h("tbody", {}, rows.map(({ cell, gate, left, right, histogram }) => h("tr", {}, h("th", { scope: "row" }, cell), h("td", {}, inWords(gate)),
        h("td", {}, `${Math.round(100 * mean(left))} %`), h("td", {}, `${Math.round(100 * mean(right))} %`), h("td", {}, spark(histogram))))))));
}

/** @param {number[]} counts */
function spark(counts) {
  const most = Math.max(...counts, 1);
  return h("span", { class: "spark", role: "img", "aria-label": `counts from 0 to 1: ${counts.join(", ")}` },
    counts.slice(0, BARS).map((count) => "▁▂▃▄▅▆▇█"[Math.round((7 * count) / most)]).join(""));
}
