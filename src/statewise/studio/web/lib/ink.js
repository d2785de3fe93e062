// Strokes as SVG, PNG and short text, and drawn one after another as a hand would.

import { download, isStill, s } from "./dom.js";

/** @typedef {[number, number][]} Stroke */
/** @typedef {{strokes: Stroke[], colour?: string}} Ink */

const ROOM = 8;
const PNG_SCALE = 3;
const MOST_IN_ADDRESS = 6000;

/** @param {Stroke} stroke */
function path(stroke) {
  const points = stroke.length > 1 ? stroke : [...stroke, ...stroke]; // a dot is a line to itself
  return points.map(([x, y], number) => `${number ? "L" : "M"}${round(x)} ${round(y)}`).join("");
}

/** @param {number} value */
function round(value) {
  return Math.round(100 * value) / 100;
}

/**
 * Return the box around strokes: left, top, width and height.
 * @param {Stroke[]} strokes
 * @returns {[number, number, number, number]}
 */
export function box(strokes) {
  let [left, top, right, bottom] = [Infinity, Infinity, -Infinity, -Infinity];
  for (const stroke of strokes) {
    for (const [x, y] of stroke) {
      left = Math.min(left, x);
      right = Math.max(right, x);
      top = Math.min(top, y);
      bottom = Math.max(bottom, y);
    }
  }
  return Number.isFinite(left) ? [left, top, right - left, bottom - top] : [0, 0, 1, 1];
}

/**
 * Return strokes as an SVG.
 * @param {Ink[]} inks
 * @param {{title: string, view?: [number, number, number, number], width?: number}} how
 * @returns {SVGElement}
 */
export function picture(inks, how) {
  const [x, y, width, height] = how.view ?? box(inks.flatMap(({ strokes }) => strokes));
  const room = how.view ? 0 : ROOM + 0.02 * Math.max(width, height);
  const view = [x - room, y - room, width + 2 * room, height + 2 * room].map(round);
  const thick = how.width ?? Math.max(view[2], view[3]) / 130;
  return s("svg", { xmlns: "http://www.w3.org/2000/svg", viewBox: view.join(" "), role: "img", "aria-label": how.title, "stroke-width": round(thick) },
    s("title", {}, how.title),
    inks.flatMap(({ strokes, colour }) => strokes.map((stroke) =>
      s("path", { d: path(stroke), fill: "none", stroke: colour ?? "#111111", "stroke-linecap": "round", "stroke-linejoin": "round" }))));
}

/**
 * Let an SVG's strokes appear in the order in which they were drawn; calls back with how much is there.
 * @param {SVGElement} svg
 * @param {AbortSignal} signal
 * @param {{speed?: number, told?: (share: number) => void}} [how] speed is in units of the paper a second
 */
export function animate(svg, signal, how = {}) {
  const paths = /** @type {SVGPathElement[]} */ ([...svg.querySelectorAll("path")]);
  if (isStill() || !paths.length) {
    how.told?.(1);
    return;
  }
  const lengths = paths.map((each) => each.getTotalLength());
  const total = lengths.reduce((sum, length) => sum + length, 0) || 1;
  const seconds = Math.min(12, Math.max(0.6, total / (how.speed ?? 500)));
  const began = performance.now();
  const frame = (/** @type {number} */ now) => {
    if (signal.aborted || !svg.isConnected) return;
    const share = Math.min(1, Math.max(0, (now - began) / 1000 / seconds));
    let drawn = share * total;
    paths.forEach((each, number) => {
      const visible = Math.max(0, Math.min(lengths[number], drawn));
      drawn -= lengths[number];
      each.style.strokeDasharray = visible >= lengths[number] ? "" : `${visible} ${lengths[number] + 1}`;
      each.style.visibility = visible > 0 ? "visible" : "hidden";
    });
    how.told?.(share);
    if (share < 1) requestAnimationFrame(frame);
  };
  frame(began);
}

/** @param {SVGElement} svg */
export function source(svg) {
  const copy = /** @type {SVGElement} */ (svg.cloneNode(true));
  copy.querySelectorAll("path").forEach((each) => each.removeAttribute("style"));
  return new XMLSerializer().serializeToString(copy);
}

/**
 * @param {string} name
 * @param {SVGElement} svg
 */
export function saveSvg(name, svg) {
  download(`${name}.svg`, source(svg), "image/svg+xml");
}

/**
 * Save strokes as a PNG on white.
 * @param {string} name
 * @param {Ink[]} inks
 */
export async function savePng(name, inks) {
  const [x, y, width, height] = box(inks.flatMap(({ strokes }) => strokes));
  const scale = Math.min(PNG_SCALE, 6000 / (Math.max(width, height) + 2 * ROOM));
  const canvas = new OffscreenCanvas(Math.ceil((width + 2 * ROOM) * scale), Math.ceil((height + 2 * ROOM) * scale));
  const context = /** @type {OffscreenCanvasRenderingContext2D} */ (canvas.getContext("2d"));
  context.fillStyle = "#ffffff";
  context.fillRect(0, 0, canvas.width, canvas.height);
  context.setTransform(scale, 0, 0, scale, (ROOM - x) * scale, (ROOM - y) * scale);
  context.lineWidth = Math.max(width, height) / 130;
  context.lineCap = context.lineJoin = "round";
  for (const { strokes, colour } of inks) {
    context.strokeStyle = colour ?? "#111111";
    for (const stroke of strokes) context.stroke(new Path2D(path(stroke)));
  }
  download(`${name}.png`, await canvas.convertToBlob({ type: "image/png" }));
}

/**
 * Return strokes as the short text that an address holds; "" where they are too many for one.
 * @param {Stroke[]} strokes
 */
export function packed(strokes) {
  const text = strokes.map((stroke) => stroke.map(([x, y]) => `${Math.round(x)},${Math.round(y)}`).join("_")).join("~");
  return text.length <= MOST_IN_ADDRESS ? text : "";
}

/**
 * Return the strokes of such a text; none where it is damaged.
 * @param {string | null} text
 * @returns {Stroke[]}
 */
export function unpacked(text) {
  if (!text) return [];
  const strokes = text.split("~").map((stroke) => stroke.split("_").map((pair) => pair.split(",").map(Number)));
  const isSound = strokes.every((stroke) => stroke.every((pair) => pair.length === 2 && pair.every((value) => Number.isFinite(value) && Math.abs(value) < 1e6)));
  return isSound ? /** @type {Stroke[]} */ (strokes) : [];
}
