// Curves on a canvas. Of many points in one column of pixels the least and the largest are drawn, so a spike stays.

import { announce, fill, h, shown } from "./dom.js";
import { nearest } from "./numbers.js";
import { axes, cursor, fillBand, framed, lineLevels, lineSeries, MARGIN, within } from "./paint.js";

/** @typedef {import("./paint.js").Series} Series */
/** @typedef {import("./paint.js").Level} Level */
/** @typedef {import("./paint.js").Band} Band */

/** A picture of curves with axes, that is read by keyboard too: left and right move along it. */
export class Curve {
  /**
   * @param {string} title
   * @param {{x?: string, label?: (x: number) => string, moved?: (at: number) => void}} [how] `label` says how an x is read
   */
  constructor(title, how = {}) {
    this.title = title;
    this.x = how.x ?? "update";
    this.label = how.label ?? shown;
    this.moved = how.moved;
    /** @type {Series[]} */
    this.series = [];
    /** @type {Level[]} */
    this.levels = [];
    /** @type {Band[]} */
    this.bands = [];
    /** @type {[number, number] | null} what is seen, where it is not all */
    this.view = null;
    /** @type {[number, number] | null} from where to where the axis goes at least, however few points there are */
    this.span = null;
    this.smoothing = 0;
    this.cursor = -1;
    this.waiting = 0;
    this.canvas = h("canvas", {
      class: "curve", tabindex: "0", role: "img", onkeydown: (/** @type {KeyboardEvent} */ event) => this.move(event),
      onpointermove: (/** @type {PointerEvent} */ event) => this.point(event),
      onpointerleave: () => { this.cursor = -1; this.later(); },
    });
    this.said = h("figcaption", { class: "quiet" });
    this.keys = h("div", { class: "legend small", "aria-hidden": "true" });
    this.element = h("figure", { class: "chart" }, h("h2", { class: "small" }, title), this.keys, this.canvas, this.said);
    this.watch = new ResizeObserver(() => this.later());
    this.watch.observe(this.canvas);
  }

  /** Draw at the next frame, however often it is asked for. */
  later() {
    if (this.waiting) return;
    this.waiting = requestAnimationFrame(() => {
      this.waiting = 0;
      this.draw();
    });
  }

  /** Return from where to where the points go, whatever is seen of them. @returns {[number, number]} */
  whole() {
    let [left, right] = this.span ?? [Infinity, -Infinity];
    for (const { xs } of [...this.series, ...this.bands]) {
      if (!xs.length) continue;
      left = Math.min(left, xs[0]);
      right = Math.max(right, xs[xs.length - 1]);
    }
    if (!Number.isFinite(left)) return [0, 1];
    return right === left ? [left - 1, left + 1] : [left, right];
  }

  /** @returns {import("./paint.js").Bounds} */
  bounds() {
    const [left, right] = this.view ?? this.whole();
    let [low, high] = [Infinity, -Infinity];
    const look = (/** @type {ArrayLike<number>} */ xs, /** @type {(number | null)[]} */ ys) => {
      for (let at = 0; at < xs.length; at++) {
        const y = ys[at];
        if (xs[at] < left || xs[at] > right || y === null || !Number.isFinite(y)) continue;
        if (y < low) low = y;
        if (y > high) high = y;
      }
    };
    for (const { xs, ys } of this.series) look(xs, ys);
    for (const band of this.bands) { look(band.xs, band.low); look(band.xs, band.high); }
    for (const { value } of this.levels) { low = Math.min(low, value); high = Math.max(high, value); }
    if (!Number.isFinite(low)) [low, high] = [0, 1];
    if (low === high) [low, high] = [low - (Math.abs(low) || 1) * 0.1, high + (Math.abs(high) || 1) * 0.1];
    const room = 0.04 * (high - low);
    return [left, right, low - room, high + room];
  }

  draw() {
    const frame = framed(this.canvas, this.bounds());
    if (!frame) return;
    let drawn = 0;
    axes(frame, this.label);
    within(frame, () => {
      for (const band of this.bands) fillBand(frame, band);
      lineLevels(frame, this.levels);
      this.series.forEach((series, number) => { drawn += lineSeries(frame, series, number, this.smoothing); });
    });
    const first = this.series[0];
    if (first && this.cursor >= 0 && this.cursor < first.xs.length) cursor(frame, first.xs[this.cursor], first.ys[this.cursor]);
    this.describe();
    this.canvas.dataset.points = String(drawn); // what a redraw costs
  }

  /** @param {number} at */
  words(at) {
    const [first] = this.series;
    const parts = this.series.flatMap(({ name, xs, ys }) => {
      const near = xs === first.xs ? at : nearest(xs, first.xs[at]);
      return xs === first.xs || xs[near] === first.xs[at] || !this.bands.length ? [`${name} ${shown(ys[near])}`] : [];
    });
    return `${this.x} ${this.label(first.xs[at])}: ${parts.join(", ")}`;
  }

  describe() {
    const [first] = this.series;
    const has = first && first.xs.length > 0;
    const words = has ? this.words(this.cursor >= 0 ? Math.min(this.cursor, first.xs.length - 1) : first.xs.length - 1)
      : "nothing yet";
    const names = this.series.length > 1 ? this.series.map(({ name }) => name) : [];
    if (this.keys.childElementCount !== names.length || names.some((name, at) => this.keys.children[at].textContent !== name)) {
      fill(this.keys, names.map((name, at) => h("span", { class: `key key-${(at % 4) + 1}` }, name)));
    }
    const levels = this.levels.map(({ name, value }) => `${name} ${shown(value)}`).join(", ");
    this.said.textContent = levels ? `${words}; ${levels}` : words;
    this.canvas.setAttribute("aria-label", `${this.title}. ${this.said.textContent}`);
  }

  /** @param {KeyboardEvent} event */
  move(event) {
    const length = this.series[0]?.xs.length ?? 0;
    const by = { ArrowLeft: -1, ArrowRight: 1, PageUp: -50, PageDown: 50, Home: -Infinity, End: Infinity }[event.key];
    if (by === undefined || !length) return;
    event.preventDefault();
    const from = this.cursor < 0 ? length - 1 : this.cursor;
    this.at(Math.max(0, Math.min(length - 1, from + by)));
    announce(this.words(this.cursor));
  }

  /** @param {number} cursor */
  at(cursor) {
    this.cursor = cursor;
    this.moved?.(cursor);
    this.later();
  }

  /** Return which x a place on the screen is. @param {number} clientX */
  under(clientX) {
    const box = this.canvas.getBoundingClientRect();
    const share = (clientX - box.left - MARGIN.left) / (box.width - MARGIN.left - MARGIN.right);
    const [left, right] = this.view ?? this.whole();
    return left + share * (right - left);
  }

  /** @param {PointerEvent} event */
  point(event) {
    const xs = this.series[0]?.xs ?? [];
    if (xs.length) this.at(nearest(xs, this.under(event.clientX)));
  }

  close() {
    this.watch.disconnect();
    cancelAnimationFrame(this.waiting);
  }
}
