// What a chart is made of, drawn on a canvas: axes, bands, lines across, curves. Each returns how many points it drew.

import { shown } from "./dom.js";
import { decimated, smooth, ticks } from "./numbers.js";

/**
 * @typedef {object} Series
 * @property {string} name
 * @property {ArrayLike<number>} xs growing
 * @property {(number | null)[]} ys null where it was no finite number
 * @property {boolean} [dots] whether its points are marked
 * @property {boolean} [dashed]
 */
/** @typedef {{name: string, value: number}} Level a line across, such as a baseline */
/** @typedef {{xs: number[], low: (number | null)[], high: (number | null)[], colour?: number}} Band between two curves */
/** @typedef {[left: number, right: number, low: number, high: number]} Bounds */

/**
 * @typedef {object} Frame where to draw, and in which numbers
 * @property {CanvasRenderingContext2D} context
 * @property {(name: string) => string} colour
 * @property {Bounds} bounds
 * @property {number} width
 * @property {number} height
 * @property {(x: number) => number} across
 * @property {(y: number) => number} down
 */

export const MARGIN = { left: 58, right: 12, top: 10, bottom: 26 };
const COLOURS = ["--line-1", "--line-2", "--line-3", "--line-4"];
const DASHES = [[], [6, 4], [2, 3], [8, 3, 2, 3]];
const LABEL_PIXELS = 110;
const LABEL_ROOM = 12;

/**
 * Return a frame over a canvas, cleared and as sharp as the screen; null where it has no size yet.
 * @param {HTMLCanvasElement} canvas
 * @param {Bounds} bounds
 * @returns {Frame | null}
 */
export function framed(canvas, bounds) {
  const ratio = devicePixelRatio || 1;
  const [width, height] = [canvas.clientWidth, canvas.clientHeight];
  if (!width || !height) return null;
  const [across, down] = [Math.round(width * ratio), Math.round(height * ratio)];
  if (canvas.width !== across || canvas.height !== down) [canvas.width, canvas.height] = [across, down];
  const context = /** @type {CanvasRenderingContext2D} */ (canvas.getContext("2d"));
  context.setTransform(ratio, 0, 0, ratio, 0, 0);
  context.clearRect(0, 0, width, height);
  const style = getComputedStyle(canvas);
  const [left, right, low, high] = bounds;
  return {
    context, bounds, width, height,
    colour: (name) => style.getPropertyValue(name).trim() || "#888",
    across: (x) => MARGIN.left + ((x - left) / (right - left)) * (width - MARGIN.left - MARGIN.right),
    down: (y) => MARGIN.top + ((high - y) / (high - low)) * (height - MARGIN.top - MARGIN.bottom),
  };
}

/**
 * @param {Frame} frame
 * @param {(x: number) => string} label
 */
export function axes({ context, colour, bounds: [left, right, low, high], across, down, width, height }, label) {
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
  context.textBaseline = "top";
  context.textAlign = "center";
  let free = 0; // from here on no other label stands
  for (const x of ticks(left, right, Math.max(2, Math.floor(width / LABEL_PIXELS)))) {
    const words = Number.isInteger(x) ? label(x) : ""; // steps and updates are whole
    const half = context.measureText(words).width / 2;
    const middle = Math.min(width - half, Math.max(half, across(x)));
    if (!words || middle - half < free) continue;
    context.fillText(words, middle, height - MARGIN.bottom + 6);
    free = middle + half + LABEL_ROOM;
  }
}

/**
 * Let what is drawn stay within the axes.
 * @param {Frame} frame
 * @param {() => void} work
 */
export function within({ context, width, height }, work) {
  context.save();
  context.beginPath();
  context.rect(MARGIN.left, MARGIN.top - 2, width - MARGIN.left - MARGIN.right + 2, height - MARGIN.top - MARGIN.bottom + 4);
  context.clip();
  work();
  context.restore();
}

/**
 * @param {Frame} frame
 * @param {Band} band
 */
export function fillBand({ context, colour, across, down }, { xs, low, high, colour: number = 0 }) {
  const known = [...xs.keys()].filter((at) => Number.isFinite(low[at]) && Number.isFinite(high[at]) && low[at] !== null && high[at] !== null);
  context.fillStyle = colour(COLOURS[number % COLOURS.length]);
  context.globalAlpha = 0.2;
  context.beginPath();
  for (const at of known) context.lineTo(across(xs[at]), down(/** @type {number} */ (high[at])));
  for (const at of known.reverse()) context.lineTo(across(xs[at]), down(/** @type {number} */ (low[at])));
  context.fill();
  context.globalAlpha = 1;
}

/**
 * @param {Frame} frame
 * @param {Level[]} levels
 */
export function lineLevels({ context, colour, down, width }, levels) {
  context.strokeStyle = context.fillStyle = colour("--quiet");
  context.setLineDash([4, 4]);
  context.textAlign = "left";
  context.textBaseline = "bottom";
  for (const { name, value } of levels) {
    context.beginPath();
    context.moveTo(MARGIN.left, down(value));
    context.lineTo(width - MARGIN.right, down(value));
    context.stroke();
    context.fillText(name, MARGIN.left + 4, down(value) - 1);
  }
  context.setLineDash([]);
}

/**
 * Draw a curve, and under means of neighbours the curve itself, pale.
 * @param {Frame} frame
 * @param {Series} series
 * @param {number} number of the curve, which decides its colour and its dashes
 * @param {number} smoothing
 * @returns {number}
 */
export function lineSeries(frame, series, number, smoothing) {
  const { context, colour } = frame;
  context.strokeStyle = context.fillStyle = colour(COLOURS[number % COLOURS.length]);
  context.setLineDash(series.dashed ? DASHES[1] : DASHES[Math.floor(number / COLOURS.length) % DASHES.length]);
  const smoothed = smoothing ? smooth(series.ys, smoothing) : series.ys;
  let drawn = 0;
  if (smoothed !== series.ys) {
    context.globalAlpha = 0.3;
    drawn += line(frame, series.xs, series.ys, 1, false);
    context.globalAlpha = 1;
  }
  drawn += line(frame, series.xs, smoothed, 1.8, series.dots ?? false);
  context.setLineDash([]);
  return drawn;
}

/**
 * @param {Frame} frame
 * @param {ArrayLike<number>} xs
 * @param {(number | null)[]} ys
 * @param {number} thickness
 * @param {boolean} dots
 */
function line({ context, bounds: [left, right], width, across, down }, xs, ys, thickness, dots) {
  context.lineWidth = thickness;
  context.lineJoin = "round";
  context.beginPath();
  let isDown = false;
  const columns = Math.max(1, Math.floor(width - MARGIN.left - MARGIN.right));
  const points = decimated(xs, ys, left, right, columns);
  for (const point of points) {
    if (point && isDown) context.lineTo(across(point[0]), down(point[1]));
    else if (point) context.moveTo(across(point[0]), down(point[1]));
    isDown = Boolean(point);
  }
  context.stroke();
  if (!dots && points.length > 1) return points.length;
  for (const point of points) {
    if (!point) continue;
    context.beginPath();
    context.arc(across(point[0]), down(point[1]), 3, 0, 2 * Math.PI);
    context.fill();
  }
  return points.length;
}

/**
 * @param {Frame} frame
 * @param {number} x
 * @param {number | null | undefined} y
 */
export function cursor({ context, colour, across, down, height }, x, y) {
  context.strokeStyle = context.fillStyle = colour("--ink");
  context.lineWidth = 1;
  context.beginPath();
  context.moveTo(across(x), MARGIN.top);
  context.lineTo(across(x), height - MARGIN.bottom);
  context.stroke();
  if (y === null || y === undefined) return;
  context.beginPath();
  context.arc(across(x), down(y), 4, 0, 2 * Math.PI);
  context.fill();
}
