// Curves on a canvas. Of many points in one column of pixels the least and the largest are drawn, so a spike stays.

import { announce, h, shown } from "./dom.js";

/**
 * @typedef {object} Series
 * @property {string} name
 * @property {number[]} xs growing
 * @property {(number | null)[]} ys null where it was no finite number
 * @property {boolean} [dots] whether its points are marked
 */
/** @typedef {{name: string, value: number}} Level a line across, such as a baseline */
/** @typedef {{xs: number[], low: number[], mid: number[], high: number[]}} Fan */

const MARGIN = { left: 58, right: 12, top: 10, bottom: 26 };
const COLOURS = ["--line-1", "--line-2", "--line-3", "--line-4"];
const DASHES = [[], [6, 4], [2, 3], [8, 3, 2, 3]];

/**
 * Return at most four points for each of `columns` columns: the first, least, largest and last; gaps stay gaps.
 * @param {ArrayLike<number>} xs
 * @param {ArrayLike<number | null>} ys
 * @param {number} from
 * @param {number} to
 * @param {number} columns
 * @returns {(readonly [number, number] | null)[]} points in order, null for a gap
 */
export function decimated(xs, ys, from, to, columns) {
  const scale = columns / (to - from || 1);
  /** @type {(readonly [number, number] | null)[]} */
  const points = [];
  let column = -Infinity;
  let first = -1;
  let last = -1;
  let low = -1;
  let high = -1;
  const close = () => {
    if (first < 0) return;
    const order = low < high ? [first, low, high, last] : [first, high, low, last];
    let before = -1;
    for (const at of order) {
      if (at !== before) points.push([xs[at], /** @type {number} */ (ys[at])]);
      before = at;
    }
    first = -1;
  };
  for (let at = 0; at < xs.length; at++) {
    const x = xs[at];
    if (x < from || x > to) continue;
    const y = ys[at];
    if (y === null || !Number.isFinite(y)) {
      close();
      if (points.length && points[points.length - 1]) points.push(null);
      continue;
    }
    const here = Math.floor((x - from) * scale);
    if (here !== column || first < 0) {
      close();
      column = here;
      first = low = high = at;
    }
    last = at;
    if (y < /** @type {number} */ (ys[low])) low = at;
    if (y > /** @type {number} */ (ys[high])) high = at;
  }
  close();
  return points;
}

/**
 * Return the means of a point and its neighbours. A constant stays one, and two points stay themselves.
 * @param {(number | null)[]} ys
 * @param {number} share of all points that are averaged, from 0 to 1
 * @returns {(number | null)[]}
 */
export function smooth(ys, share) {
  const reach = Math.floor((ys.length * share) / 2);
  if (reach < 1) return ys;
  const sums = new Float64Array(ys.length + 1);
  const counts = new Float64Array(ys.length + 1);
  for (let at = 0; at < ys.length; at++) {
    const y = ys[at];
    const is = y !== null && Number.isFinite(y);
    sums[at + 1] = sums[at] + (is ? /** @type {number} */ (y) : 0);
    counts[at + 1] = counts[at] + (is ? 1 : 0);
  }
  return ys.map((y, at) => {
    if (y === null) return null;
    const near = Math.min(reach, at, ys.length - 1 - at); // as far to either side, so that ends do not bend
    const count = counts[at + near + 1] - counts[at - near];
    return count ? (sums[at + near + 1] - sums[at - near]) / count : null;
  });
}

/**
 * Return round numbers between two, about as many as asked for.
 * @param {number} from
 * @param {number} to
 * @param {number} count
 * @returns {number[]}
 */
export function ticks(from, to, count) {
  const rough = (to - from || 1) / count;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 5, 10].map((each) => each * power).find((each) => each >= rough) ?? rough;
  const found = [];
  for (let value = Math.ceil(from / step) * step; value <= to + step / 1e6; value += step) found.push(value);
  return found;
}

/** A picture of curves with axes, that is read by keyboard too: left and right move along it. */
export class Curve {
  /**
   * @param {string} title
   * @param {{x?: string, log?: boolean}} [how]
   */
  constructor(title, how = {}) {
    this.title = title;
    this.x = how.x ?? "update";
    /** @type {Series[]} */
    this.series = [];
    /** @type {Level[]} */
    this.levels = [];
    /** @type {Fan | null} */
    this.fan = null;
    this.smoothing = 0;
    this.milliseconds = 0;
    this.cursor = -1;
    this.waiting = 0;
    this.canvas = h("canvas", {
      class: "curve", tabindex: "0", role: "img", onkeydown: (/** @type {KeyboardEvent} */ event) => this.move(event),
      onpointermove: (/** @type {PointerEvent} */ event) => this.point(event),
      onpointerleave: () => { this.cursor = -1; this.later(); },
    });
    this.said = h("figcaption", { class: "quiet" });
    this.element = h("figure", { class: "chart" }, h("h2", { class: "small" }, title), this.canvas, this.said);
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

  /** @returns {[number, number, number, number]} */
  bounds() {
    let [left, right, low, high] = [Infinity, -Infinity, Infinity, -Infinity];
    for (const { xs, ys } of this.series) {
      if (!xs.length) continue;
      left = Math.min(left, xs[0]);
      right = Math.max(right, xs[xs.length - 1]);
      for (const y of ys) {
        if (y === null || !Number.isFinite(y)) continue;
        if (y < low) low = y;
        if (y > high) high = y;
      }
    }
    if (this.fan) {
      left = Math.min(left, this.fan.xs[0]);
      right = Math.max(right, this.fan.xs[this.fan.xs.length - 1]);
      low = Math.min(low, ...this.fan.low);
      high = Math.max(high, ...this.fan.high);
    }
    for (const { value } of this.levels) {
      low = Math.min(low, value);
      high = Math.max(high, value);
    }
    if (!Number.isFinite(low)) [low, high] = [0, 1];
    if (!Number.isFinite(left)) [left, right] = [0, 1];
    if (low === high) [low, high] = [low - (Math.abs(low) || 1) * 0.1, high + (Math.abs(high) || 1) * 0.1];
    const room = 0.04 * (high - low);
    return [right === left ? left - 1 : left, right === left ? left + 1 : right, low - room, high + room];
  }

  draw() {
    const began = performance.now();
    const { canvas } = this;
    const ratio = devicePixelRatio || 1;
    const [width, height] = [canvas.clientWidth, canvas.clientHeight];
    if (!width || !height) return;
    if (canvas.width !== Math.round(width * ratio) || canvas.height !== Math.round(height * ratio)) {
      canvas.width = Math.round(width * ratio);
      canvas.height = Math.round(height * ratio);
    }
    const context = /** @type {CanvasRenderingContext2D} */ (canvas.getContext("2d"));
    context.setTransform(ratio, 0, 0, ratio, 0, 0);
    context.clearRect(0, 0, width, height);
    const style = getComputedStyle(canvas);
    const colour = (/** @type {string} */ name) => style.getPropertyValue(name).trim() || "#888";
    const [left, right, low, high] = this.bounds();
    const inner = { width: width - MARGIN.left - MARGIN.right, height: height - MARGIN.top - MARGIN.bottom };
    const across = (/** @type {number} */ x) => MARGIN.left + ((x - left) / (right - left)) * inner.width;
    const down = (/** @type {number} */ y) => MARGIN.top + ((high - y) / (high - low)) * inner.height;
    this.axes(context, colour, [left, right, low, high], across, down, width, height);
    context.save();
    context.beginPath();
    context.rect(MARGIN.left, MARGIN.top - 2, inner.width + 2, inner.height + 4);
    context.clip();
    if (this.fan) this.drawFan(context, colour, across, down);
    this.drawLevels(context, colour, down, width);
    this.series.forEach((series, number) => {
      context.strokeStyle = context.fillStyle = colour(COLOURS[number % COLOURS.length]);
      context.setLineDash(DASHES[Math.floor(number / COLOURS.length) % DASHES.length]);
      const smoothed = this.smoothing ? smooth(series.ys, this.smoothing) : series.ys;
      if (smoothed !== series.ys) {
        context.globalAlpha = 0.3;
        this.line(context, series.xs, series.ys, left, right, inner.width, across, down, 1, false);
        context.globalAlpha = 1;
      }
      this.line(context, series.xs, smoothed, left, right, inner.width, across, down, 1.8, series.dots ?? false);
    });
    context.restore();
    this.drawCursor(context, colour, across, down);
    this.describe();
    this.milliseconds = performance.now() - began;
    canvas.dataset.milliseconds = this.milliseconds.toFixed(2);
  }

  /**
   * @param {CanvasRenderingContext2D} context
   * @param {number[]} xs
   * @param {(number | null)[]} ys
   * @param {number} left
   * @param {number} right
   * @param {number} columns
   * @param {(x: number) => number} across
   * @param {(y: number) => number} down
   * @param {number} thickness
   * @param {boolean} dots
   */
  line(context, xs, ys, left, right, columns, across, down, thickness, dots) {
    context.lineWidth = thickness;
    context.lineJoin = "round";
    context.beginPath();
    let isDown = false;
    const points = decimated(xs, ys, left, right, Math.max(1, Math.floor(columns)));
    for (const point of points) {
      if (!point) {
        isDown = false;
        continue;
      }
      const [x, y] = [across(point[0]), down(point[1])];
      if (isDown) context.lineTo(x, y);
      else context.moveTo(x, y);
      isDown = true;
    }
    context.stroke();
    if (!dots && points.length > 1) return;
    for (const point of points) {
      if (!point) continue;
      context.beginPath();
      context.arc(across(point[0]), down(point[1]), 3, 0, 2 * Math.PI);
      context.fill();
    }
  }

  /**
   * @param {CanvasRenderingContext2D} context
   * @param {(name: string) => string} colour
   * @param {[number, number, number, number]} bounds
   * @param {(x: number) => number} across
   * @param {(y: number) => number} down
   * @param {number} width
   * @param {number} height
   */
  axes(context, colour, [left, right, low, high], across, down, width, height) {
    context.font = "12px system-ui, sans-serif";
    context.fillStyle = colour("--quiet");
    context.strokeStyle = colour("--rule");
    context.setLineDash([]);
    context.lineWidth = 1;
    context.textAlign = "right";
    context.textBaseline = "middle";
    for (const y of ticks(low, high, 4)) {
      context.beginPath();
      context.moveTo(MARGIN.left, down(y));
      context.lineTo(width - MARGIN.right, down(y));
      context.stroke();
      context.fillText(shown(y), MARGIN.left - 6, down(y));
    }
    context.textAlign = "center";
    context.textBaseline = "top";
    for (const x of ticks(left, right, Math.max(2, Math.floor(width / 110)))) {
      context.fillText(shown(x), across(x), height - MARGIN.bottom + 6);
    }
  }

  /**
   * @param {CanvasRenderingContext2D} context
   * @param {(name: string) => string} colour
   * @param {(x: number) => number} across
   * @param {(y: number) => number} down
   */
  drawFan(context, colour, across, down) {
    const fan = /** @type {Fan} */ (this.fan);
    context.fillStyle = colour("--line-1");
    context.globalAlpha = 0.2;
    context.beginPath();
    fan.xs.forEach((x, at) => context.lineTo(across(x), down(fan.high[at])));
    [...fan.xs.keys()].reverse().forEach((at) => context.lineTo(across(fan.xs[at]), down(fan.low[at])));
    context.fill();
    context.globalAlpha = 1;
  }

  /**
   * @param {CanvasRenderingContext2D} context
   * @param {(name: string) => string} colour
   * @param {(y: number) => number} down
   * @param {number} width
   */
  drawLevels(context, colour, down, width) {
    context.strokeStyle = context.fillStyle = colour("--quiet");
    context.setLineDash([4, 4]);
    context.textAlign = "left";
    context.textBaseline = "bottom";
    for (const { name, value } of this.levels) {
      context.beginPath();
      context.moveTo(MARGIN.left, down(value));
      context.lineTo(width - MARGIN.right, down(value));
      context.stroke();
      context.fillText(name, MARGIN.left + 4, down(value) - 1);
    }
    context.setLineDash([]);
  }

  /**
   * @param {CanvasRenderingContext2D} context
   * @param {(name: string) => string} colour
   * @param {(x: number) => number} across
   * @param {(y: number) => number} down
   */
  drawCursor(context, colour, across, down) {
    const { xs, ys } = this.series[0] ?? { xs: [], ys: [] };
    const y = ys[this.cursor];
    if (this.cursor < 0 || this.cursor >= xs.length) return;
    context.strokeStyle = context.fillStyle = colour("--ink");
    context.beginPath();
    context.moveTo(across(xs[this.cursor]), MARGIN.top);
    context.lineTo(across(xs[this.cursor]), this.canvas.clientHeight - MARGIN.bottom);
    context.stroke();
    if (y !== null && y !== undefined) {
      context.beginPath();
      context.arc(across(xs[this.cursor]), down(y), 4, 0, 2 * Math.PI);
      context.fill();
    }
  }

  /** @param {number} at */
  words(at) {
    const [first] = this.series;
    const parts = this.series.map(({ name, xs, ys }) => {
      const near = xs === first.xs ? at : nearest(xs, first.xs[at]);
      return `${name} ${shown(ys[near])}`;
    });
    return `${this.x} ${shown(first.xs[at])}: ${parts.join(", ")}`;
  }

  describe() {
    const [first] = this.series;
    const has = first && first.xs.length > 0;
    const words = has ? this.words(this.cursor >= 0 ? Math.min(this.cursor, first.xs.length - 1) : first.xs.length - 1)
      : "nothing yet";
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
    this.cursor = Math.max(0, Math.min(length - 1, from + by));
    this.later();
    announce(this.words(this.cursor));
  }

  /** @param {PointerEvent} event */
  point(event) {
    const xs = this.series[0]?.xs ?? [];
    if (!xs.length) return;
    const box = this.canvas.getBoundingClientRect();
    const share = (event.clientX - box.left - MARGIN.left) / (box.width - MARGIN.left - MARGIN.right);
    const [left, right] = this.bounds();
    this.cursor = nearest(xs, left + share * (right - left));
    this.later();
  }

  close() {
    this.watch.disconnect();
    cancelAnimationFrame(this.waiting);
  }
}

/**
 * Return where in growing numbers the one nearest to x is.
 * @param {number[]} xs
 * @param {number} x
 */
export function nearest(xs, x) {
  let [low, high] = [0, xs.length - 1];
  while (high - low > 1) {
    const middle = (low + high) >> 1;
    if (xs[middle] < x) low = middle;
    else high = middle;
  }
  return Math.abs((xs[high] ?? Infinity) - x) < Math.abs((xs[low] ?? Infinity) - x) ? high : low;
}
