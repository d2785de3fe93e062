// A chart that can be looked at closer: by buttons, keys (+ - 0), a drag over a range, and the wheel with Ctrl.

import { announce, h } from "./dom.js";

const CLOSER = 0.6;
const LEAST_DRAG = 8;

/**
 * Let a curve be zoomed along x; returns its buttons.
 * @param {import("./curve.js").Curve} curve
 * @param {() => void} changed
 * @param {number} [least] so much of x stays in sight
 * @returns {HTMLElement}
 */
export function zooming(curve, changed, least = 2) {
  const see = (/** @type {[number, number] | null} */ view) => {
    const [left, right] = curve.whole();
    const isAll = !view || (view[0] <= left && view[1] >= right);
    curve.view = isAll || !view ? null : [Math.max(left, view[0]), Math.min(right, view[1])];
    curve.later();
    changed();
    const [from, to] = curve.view ?? [left, right];
    announce(curve.view ? `from ${curve.label(Math.round(from))} to ${curve.label(Math.round(to))}` : "all of it");
  };
  const by = (/** @type {number} */ factor, /** @type {number} */ around = middle(curve)) => {
    const [from, to] = curve.view ?? curve.whole();
    if (factor < 1 && to - from <= least) return;
    see([around - (around - from) * factor, around + (to - around) * factor]);
  };
  const along = (/** @type {number} */ share) => {
    if (!curve.view) return;
    const [left, right] = curve.whole();
    const width = curve.view[1] - curve.view[0];
    const from = Math.max(left, Math.min(right - width, curve.view[0] + share * width));
    see([from, from + width]);
  };
  dragging(curve, (from, to) => see([from, to]), least);
  curve.canvas.addEventListener("dblclick", () => see(null));
  curve.canvas.addEventListener("wheel", (event) => {
    if (!event.ctrlKey) return; // the wheel alone moves the page
    event.preventDefault();
    by(event.deltaY < 0 ? CLOSER : 1 / CLOSER, curve.under(event.clientX));
  }, { passive: false });
  curve.canvas.addEventListener("keydown", (event) => {
    const work = { "+": () => by(CLOSER), "=": () => by(CLOSER), "-": () => by(1 / CLOSER), 0: () => see(null) }[event.key];
    if (work) { event.preventDefault(); work(); }
  });
  const button = (/** @type {string} */ words, /** @type {string} */ label, /** @type {() => void} */ work) =>
    h("button", { type: "button", "aria-label": label, onclick: work }, words);
  return h("div", { class: "row", role: "group", "aria-label": "zoom" }, button("+", "Zoom in", () => by(CLOSER)),
    button("−", "Zoom out", () => by(1 / CLOSER)), button("←", "Earlier", () => along(-0.5)), button("→", "Later", () => along(0.5)),
    button("All", "See all", () => see(null)));
}

/** @param {import("./curve.js").Curve} curve */
function middle(curve) {
  const [from, to] = curve.view ?? curve.whole();
  return (from + to) / 2;
}

/**
 * @param {import("./curve.js").Curve} curve
 * @param {(from: number, to: number) => void} chosen
 * @param {number} least
 */
function dragging(curve, chosen, least) {
  /** @type {{id: number, x: number} | null} */
  let begun = null;
  curve.canvas.addEventListener("pointerdown", (event) => {
    if (event.button || event.pointerType === "touch") return; // a finger moves the page
    begun = { id: event.pointerId, x: event.clientX };
    curve.canvas.setPointerCapture(event.pointerId);
  });
  curve.canvas.addEventListener("pointerup", (event) => {
    if (!begun || begun.id !== event.pointerId) return;
    const [from, to] = [begun.x, event.clientX].sort((a, b) => a - b);
    begun = null;
    if (to - from < LEAST_DRAG) return;
    const range = [curve.under(from), curve.under(to)];
    if (range[1] - range[0] < least) range[1] = range[0] + least;
    chosen(range[0], range[1]);
  });
  curve.canvas.addEventListener("pointercancel", () => { begun = null; });
}
