// Neurons over a text: choose one, choose a stretch and see which are on there, and where else they are on together.

import { ask, ofRun } from "../lib/api.js";
import { keepAlso } from "../lib/address.js";
import { ColouredText } from "../lib/coloured.js";
import { Curve } from "../lib/curve.js";
import { announce, fill, h, settled, shown } from "../lib/dom.js";
import { Neurons } from "../lib/neurons.js";
import { slider } from "../lib/slider.js";

const MOST_UNITS = 8;
const CONTEXT = 24;
const MOST_IN_ADDRESS = 2000;

export class NeuronsView {
  /**
   * @param {string} name
   * @param {URLSearchParams} query
   * @param {AbortSignal} signal
   * @param {(error: unknown) => void} fail
   */
  constructor(name, query, signal, fail) {
    this.name = name;
    this.signal = signal;
    /** @type {Neurons | null} */
    this.neurons = null;
    this.unit = 0;
    this.wanted = { unit: query.get("unit"), from: Number(query.get("from") ?? 0), to: Number(query.get("to") ?? 0) };
    this.text = h("textarea", { id: "text", class: "wide", rows: "3", spellcheck: "false" });
    this.choice = h("input", { id: "unit", type: "text", list: "units", autocomplete: "off", spellcheck: "false", onchange: () => this.named(this.choice.value) });
    this.list = h("datalist", { id: "units" });
    this.view = new ColouredText("what was read, coloured by a unit", (from, to) => this.range(from, to));
    this.curve = new Curve("Along the text", { x: "step" });
    signal.addEventListener("abort", () => this.curve.close());
    this.threshold = slider("On from (share of its largest)", { min: 0.1, max: 0.9, step: 0.05, value: Number(query.get("on") ?? 0.4) }, settled(200, () => { if (this.neurons) this.range(this.view.from, this.view.to); }));
    this.said = h("p", { class: "quiet", role: "status" });
    this.follows = h("ul", { class: "plain" });
    this.on = h("ul", { class: "plain" });
    this.places = h("ul", { class: "plain" });
    this.next = h("p", { class: "quiet" });
    const submit = (/** @type {Event} */ event) => { event.preventDefault(); this.begin(this.text.value).catch(fail); };
    const step = (/** @type {number} */ by) => () => { if (this.neurons) this.choose((this.unit + by + this.neurons.names.length) % this.neurons.names.length); };
    this.element = h("section", {}, h("h2", {}, "Neurons over a text"),
      h("form", { onsubmit: submit }, h("div", { class: "field" }, h("label", { for: "text" }, "Text"), this.text), h("button", {}, "Read it")),
      h("div", { class: "row" }, h("label", { for: "unit" }, "Unit"), this.choice, this.list,
        h("button", { type: "button", "aria-label": "the unit before", onclick: step(-1) }, "◀"), h("button", { type: "button", "aria-label": "the next unit", onclick: step(1) }, "▶"), h("span", { class: "legend" }, h("span", { class: "c8" }, " below nought "), h("span", { class: "l8" }, " above "))),
      this.view.element, this.next, this.curve.element,
      h("div", { class: "two" },
        h("div", {}, h("h3", {}, "Units that follow something"), this.follows),
        h("div", {}, h("h3", {}, "The chosen stretch"), this.said, this.threshold.element, h("h3", {}, "On there, and off around it"), this.on, h("h3", {}, "Where else they are on together"), this.places)));
  }

  /** @param {string} text */
  async begin(text) {
    this.text.value = text;
    if (!text) return;
    const told = await ask("POST", ofRun(this.name, "/units"), { text }, this.signal);
    this.neurons = new Neurons(told);
    fill(this.list, this.neurons.names.map((each) => h("option", { value: each })));
    const best = this.neurons.matches.find(({ is_real: isReal }) => isReal) ?? this.neurons.matches[0];
    fill(this.follows, this.neurons.matches.map((match) => h("li", {}, h("button", { type: "button", class: "small", onclick: () => this.named(match.unit) }, match.unit),
      h("span", {}, match.predicate), h("span", { class: "quiet" }, `r = ${shown(match.r)}, by chance ${shown(match.chance)}${match.is_real ? "" : ": no more than chance"}`))));
    if (!this.neurons.matches.length) fill(this.follows, h("li", { class: "quiet" }, "Give a longer text, with lines and words: it is searched for units that follow them."));
    const { unit, from, to } = this.wanted;
    this.wanted = { unit: null, from: 0, to: 0 };
    this.choose(Math.max(0, this.neurons.names.indexOf(unit ?? best?.unit ?? this.neurons.names[0])));
    this.view.choose(from, to || from + 1);
  }

  /** @param {string} name of a unit */
  named(name) {
    const at = this.neurons?.names.indexOf(name) ?? -1;
    if (at >= 0) this.choose(at);
    else announce("There is no such unit.");
  }

  /** @param {number} unit */
  choose(unit) {
    const neurons = /** @type {Neurons} */ (this.neurons);
    this.unit = unit;
    this.choice.value = neurons.names[unit];
    this.view.draw(neurons.shown, neurons.strengths(unit), (at) => `${neurons.shown[at]} ${shown(neurons.value(at, unit))}`);
    this.curve.series = [{ name: neurons.names[unit], xs: neurons.shown.map((_, at) => at), ys: neurons.along(unit) }];
    this.curve.later();
    this.keep();
  }

  keep() {
    keepAlso({ text: this.text.value.slice(0, MOST_IN_ADDRESS), unit: this.choice.value, from: this.view.from, to: this.view.to, on: this.threshold.value() });
  }

  /**
   * @param {number} from
   * @param {number} to
   */
  range(from, to) {
    const neurons = /** @type {Neurons} */ (this.neurons);
    const threshold = this.threshold.value();
    const on = neurons.onIn(from, to, threshold);
    const places = neurons.matching(on, threshold, from, to);
    const likely = neurons.likely[to - 1] ?? [];
    this.next.textContent = likely.length ? `after it the likeliest are ${likely.map(([choice, odds]) => `${visible(choice)} ${Math.round(100 * odds)} %`).join(", ")}` : "";
    this.said.textContent = `“${neurons.shown.slice(from, to).map(visible).join("")}”: ${on.length} of ${neurons.states} units are on there and off around it`;
    fill(this.on, on.slice(0, MOST_UNITS).map(({ unit, sign }) => h("li", {}, h("button", { type: "button", class: "small", onclick: () => this.choose(unit) }, neurons.names[unit]), h("span", { class: "quiet" }, sign < 0 ? "below nought" : "above"))),
      on.length > MOST_UNITS ? h("li", { class: "quiet" }, `and ${on.length - MOST_UNITS} more`) : null);
    fill(this.places, places.map((place) => h("li", {}, h("button", { type: "button", class: "small place", onclick: () => this.view.choose(place.at, place.to) },
      neurons.shown.slice(Math.max(0, place.at - CONTEXT), place.at).map(visible).join(""), h("strong", {}, neurons.shown.slice(place.at, place.to).map(visible).join("")), neurons.shown.slice(place.to, place.to + CONTEXT).map(visible).join("")),
    h("span", { class: "quiet" }, `${Math.round(100 * place.share)} %`))),
    places.length ? null : h("li", { class: "quiet" }, "Nowhere else."));
    this.keep();
  }
}

/** @param {string} letter */
function visible(letter) {
  return { "\n": "↵", "\t": "⇥" }[letter] ?? letter;
}
