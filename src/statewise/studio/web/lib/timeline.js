// Things that lasted from a second to another, on a line of time; a moment on it can be pointed at.

import { h, s, shown } from "./dom.js";
import { ticks } from "./numbers.js";

/** @typedef {{label: string, start: number, end: number, confidence?: number}} Lasted */

const WIDTH = 800;
const ROW = 26;
const COLOURS = ["--line-1", "--line-2", "--line-3", "--line-4"];

/**
 * Return events on a line of time, each label in a row of its own, with the same as a table.
 * @param {Lasted[]} events
 * @param {number} seconds
 * @param {string} title
 * @param {number} [now]
 */
export function timeline(events, seconds, title, now) {
  const labels = [...new Set(events.map(({ label }) => label))];
  const most = Math.max(seconds, ...events.map(({ end }) => end), 0.1);
  const height = ROW * Math.max(1, labels.length) + 24;
  const across = (/** @type {number} */ time) => (time / most) * WIDTH;
  const words = events.map((one) => `${one.label} from ${shown(one.start)} to ${shown(one.end)} s`).join("; ") || "nothing";
  const svg = s("svg", { viewBox: `0 0 ${WIDTH} ${height}`, role: "img", "aria-label": `${title}: ${words}`, class: "timeline" },
    ticks(0, most, 8).flatMap((time) => [
      s("line", { x1: across(time), x2: across(time), y1: 0, y2: height - 18, class: "rule" }),
      s("text", { x: Math.min(across(time) + 2, WIDTH - 30), y: height - 4 }, `${shown(time)} s`),
    ]),
    events.map((one) => s("g", {}, s("title", {}, `${one.label}, ${shown(one.start)} to ${shown(one.end)} s`),
      s("rect", { x: across(one.start), y: ROW * labels.indexOf(one.label) + 3, width: Math.max(2, across(one.end) - across(one.start)), height: ROW - 6, rx: 4,
        fill: `var(${COLOURS[labels.indexOf(one.label) % COLOURS.length]})`, "fill-opacity": 0.35 + 0.6 * (one.confidence ?? 1) }))),
    labels.map((label, row) => s("text", { x: 6, y: ROW * row + ROW / 2 + 5, class: "over" }, label)),
    now === undefined ? null : s("line", { x1: across(now), x2: across(now), y1: 0, y2: height - 18, class: "now" }));
  return h("figure", { class: "chart" }, svg);
}

/** @param {Lasted[]} events */
export function tableOf(events) {
  if (!events.length) return h("p", { class: "quiet" }, "None.");
  return h("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": "events" }, h("table", {},
    h("thead", {}, h("tr", {}, ["", "from", "to", "sure"].map((head) => h("th", { scope: "col" }, head)))),
    h("tbody", {}, events.map((one) => h("tr", {}, h("th", { scope: "row" }, one.label), h("td", {}, `${shown(one.start)} s`), h("td", {}, `${shown(one.end)} s`),
      h("td", {}, one.confidence === undefined ? "" : `${Math.round(100 * one.confidence)} %`))))));
}
