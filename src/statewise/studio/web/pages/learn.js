// For learners: the vanishing gradient, moved by hand. One unit, real numbers: steps, recurrent weight, cell.

import { keep } from "../lib/address.js";
import { buttons, reading } from "../lib/asking.js";
import { Curve } from "../lib/curve.js";
import { announce, fill, h, settled, shown } from "../lib/dom.js";
import { CELLS, normals, through } from "../lib/gradients.js";
import { slider } from "../lib/slider.js";

/** @typedef {import("../lib/gradients.js").CellName} CellName */

const NAMES = { linear: "linear: h′ = w h + x", elman: "Elman: h′ = tanh(w h + x)", gru: "GRU", lstm: "LSTM" };
const SMALLEST = 1e-12;
const USUAL = { steps: 30, w: 0.9, bias: 1, size: 1, seed: 1 };
const EXAMPLES = [
  { words: "It vanishes", to: { cell: "elman", w: 0.5 } },
  { words: "It explodes", to: { cell: "linear", w: 1.4 } },
  { words: "It just holds", to: { cell: "linear", w: 1 } },
  { words: "tanh lets it vanish even at w = 1.4", to: { cell: "elman", w: 1.4 } },
  { words: "A forget gate holds it", to: { cell: "lstm", w: 0.5, bias: 4 } },
  { words: "A forget gate that forgets", to: { cell: "lstm", w: 0.5, bias: -1 } },
];

/** @type {import("../main.js").Show} */
export function show({ main, query, signal, fail }) {
  document.title = "The vanishing gradient – statewise studio";
  const { number, text } = reading(query);
  const changed = settled(30, () => draw());
  const cell = h("select", { id: "cell", onchange: () => draw() }, CELLS.map((name) => h("option", { value: name }, NAMES[name])));
  cell.value = CELLS.includes(/** @type {CellName} */ (text("cell"))) ? text("cell") : "elman";
  const steps = slider("Steps", { min: 2, max: 100, step: 1, value: number("steps", USUAL.steps) }, changed);
  const w = slider("Recurrent weight w", { min: -2, max: 2, step: 0.05, value: number("w", USUAL.w) }, changed);
  const bias = slider("Bias of the gate that keeps", { min: -4, max: 6, step: 0.25, value: number("bias", USUAL.bias) }, changed);
  const size = slider("Size of the inputs", { min: 0, max: 3, step: 0.1, value: number("size", USUAL.size) }, changed);
  const seed = slider("Other inputs", { min: 1, max: 50, step: 1, value: number("seed", USUAL.seed) }, changed);
  const gradients = new Curve("Gradient of the last output by the input so many steps back (log 10 of its size)", { x: "steps back" });
  const outputs = new Curve("Output of the unit", { x: "step" });
  signal.addEventListener("abort", () => { gradients.close(); outputs.close(); });
  const said = h("p", { role: "status", class: "said" });
  const table = h("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": "step by step" });

  function draw() {
    keep({ cell: cell.value, steps: steps.value(), w: w.value(), bias: bias.value(), size: size.value(), seed: seed.value() });
    const xs = normals(seed.value(), steps.value(), size.value());
    const how = { w: w.value(), bias: bias.value() };
    const own = /** @type {CellName} */ (cell.value);
    const all = new Map(CELLS.map((name) => [name, through(name, xs, how)]));
    const back = xs.map((_, at) => at);
    const order = [own, ...CELLS.filter((name) => name !== own)];
    gradients.series = order.map((name) => ({ name, xs: back, ys: back.map((at) => logged(all.get(name)?.gradients[xs.length - 1 - at] ?? 0)), dots: name === own, dashed: name !== own }));
    outputs.series = order.slice(0, 1).map((name) => ({ name, xs: back.map((at) => at + 1), ys: all.get(name)?.states.map((state) => state.h) ?? [], dots: true }));
    gradients.later();
    outputs.later();
    const { states, slopes, gradients: own_ } = /** @type {ReturnType<typeof through>} */ (all.get(own));
    said.textContent = words(own_);
    fill(table, h("table", {}, h("thead", {}, h("tr", {}, ["step", "input", "output", own === "lstm" ? "memory" : "", "slope to the output before", "gradient of this input"].filter(Boolean).map((head) => h("th", { scope: "col" }, head)))),
      h("tbody", {}, xs.map((x, at) => h("tr", {}, h("th", { scope: "row" }, at + 1), h("td", {}, shown(x)), h("td", {}, shown(states[at].h)), own === "lstm" ? h("td", {}, shown(states[at].c)) : null, h("td", {}, shown(slopes[at])), h("td", {}, shown(own_[at])))))));
  }

  const button = buttons(fail);
  fill(main, h("h1", {}, "The vanishing gradient, by hand"),
    h("p", {}, "A network learns from a step long ago only as far as a gradient comes back to it. At every step back it is multiplied by a slope: below one, again and again, little is left; above one, too much. Move the weight and the steps, and see."),
    h("div", { class: "row" }, EXAMPLES.map(({ words: label, to }) => button(label, () => {
      cell.value = to.cell;
      w.set(to.w);
      if (to.bias !== undefined) bias.set(to.bias);
      draw();
      announce(said.textContent ?? "");
    }))),
    h("div", { class: "sliders" }, h("div", {}, h("label", { for: "cell" }, "Cell "), cell), w.element, steps.element, bias.element, size.element, seed.element),
    said, h("div", { class: "charts" }, gradients.element, outputs.element),
    h("p", { class: "quiet" }, "The chosen cell has dots; the others are dashed, on the same inputs. The bias belongs to the gate that keeps what was: the forget gate of the LSTM, the update gate of the GRU."),
    h("details", {}, h("summary", {}, "Step by step"), table));
  draw();
}

/** @param {number} value */
function logged(value) {
  const size = Math.abs(value);
  return Number.isFinite(size) && size > SMALLEST ? Math.log10(size) : null;
}

/** @param {number[]} gradients */
function words(gradients) {
  const [first, last] = [Math.abs(gradients[0]), Math.abs(gradients[gradients.length - 1])];
  const steps = gradients.length - 1;
  if (!(first > 0) || !(last > 0) || !Number.isFinite(first)) return first > 0 ? "The gradient is too large for a number." : "Nothing of the gradient comes back to the first step.";
  const factor = (first / last) ** (1 / steps);
  const told = `Of the gradient of the last input, ${shown(Number((first / last).toPrecision(3)))} of it is left at the first, ${shown(steps)} steps back: a factor of ${shown(Number(factor.toPrecision(3)))} a step`;
  if (factor < 0.995) return `${told}, half of it gone every ${shown(Number((Math.log(2) / -Math.log(factor)).toPrecision(2)))} steps.`;
  return factor > 1.005 ? `${told}, twice as much every ${shown(Number((Math.log(2) / Math.log(factor)).toPrecision(2)))} steps.` : `${told}: it holds.`;
}
