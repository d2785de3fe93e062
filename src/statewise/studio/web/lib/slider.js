// A slider with its value next to it.

import { h, shown } from "./dom.js";

let number = 0;

/**
 * @typedef {object} Slider
 * @property {HTMLElement} element
 * @property {() => number} value
 * @property {(to: number) => void} set
 */

/**
 * @param {string} label
 * @param {{min: number, max: number, step: number, value: number, off?: number}} how `off` is shown as "off"
 * @param {() => void} changed
 * @returns {Slider}
 */
export function slider(label, how, changed) {
  const id = `slider-${++number}`;
  const words = h("output", { for: id });
  const tell = () => { words.textContent = Number(input.value) === how.off ? "off" : shown(Number(input.value)); };
  const input = h("input", { id, type: "range", min: how.min, max: how.max, step: how.step, oninput: () => { tell(); changed(); } });
  input.value = String(how.value);
  tell();
  const element = h("div", {}, h("label", { for: id }, `${label} `, words), input);
  const set = (/** @type {number} */ to) => { if (Number.isFinite(to)) { input.value = String(to); tell(); } };
  return { element, value: () => Number(input.value), set };
}
