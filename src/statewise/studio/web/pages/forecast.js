// What comes next of a series, as a fan that can be looked at closer; and what if a known covariate were another.

import { buttons, LastQuestion, reading } from "../lib/asking.js";
import { keep } from "../lib/address.js";
import { Curve } from "../lib/curve.js";
import { announce, download, fill, h, settled, shown } from "../lib/dom.js";
import { slider } from "../lib/slider.js";
import { zooming } from "../lib/zoom.js";

/** @typedef {{series: string, times: (string | number)[], quantiles: Record<string, number[]>, known: Record<string, (number | null)[]>, history: {times: (string | number)[], values: (number | null)[]}}} Ahead */

const LEVELS = ["0.025", "0.1", "0.25", "0.5", "0.75", "0.9", "0.975"];
const SETTLED_MILLISECONDS = 350;
const SPREADS = [["0.025", "0.975"], ["0.1", "0.9"], ["0.25", "0.75"]];

/** @type {import("./use.js").ShowUse} */
export async function show({ main, query, facts, signal, fail }) {
  const page = new ForecastPage(main, query, facts, signal, fail);
  await page.look();
}

class ForecastPage {
  /**
   * @param {HTMLElement} main
   * @param {URLSearchParams} query
   * @param {any} facts
   * @param {AbortSignal} signal
   * @param {(error: unknown) => void} fail
   */
  constructor(main, query, facts, signal, fail) {
    this.question = new LastQuestion(facts.id, signal);
    const { number, text } = reading(query);
    const again = settled(SETTLED_MILLISECONDS, () => this.look().catch(fail));
    const names = (facts.names.series ?? []).map((/** @type {any} */ row) => row.series);
    this.covariates = (facts.names.columns ?? []).filter((/** @type {any} */ row) => row.role === "known").map((/** @type {any} */ row) => row.column);
    this.series = h("select", { id: "series", onchange: () => this.look().catch(fail) }, names.map((/** @type {string} */ name) => h("option", { value: name }, name)));
    this.series.value = names.includes(text("series")) ? text("series") : names[0] ?? "";
    this.history = slider("Values before", { min: 10, max: 1000, step: 10, value: number("history", 100) }, again);
    this.samples = slider("Sample paths", { min: 20, max: 1000, step: 20, value: number("samples", 200) }, again);
    this.seed = h("input", { id: "seed", type: "number", min: "0", value: String(number("seed", 0)), oninput: again });
    /** @type {Ahead | null} as the table has it */
    this.plain = null;
    /** @type {Ahead | null} as it is assumed */
    this.assumed = null;
    /** @type {Record<string, HTMLInputElement>} */
    this.whatIf = Object.fromEntries(this.covariates.map((/** @type {string} */ name, /** @type {number} */ at) =>
      [name, h("input", { id: `what-${at}`, type: "text", value: text(`if_${name}`), autocomplete: "off", inputmode: "decimal", placeholder: "as the table has it", oninput: again })]));
    this.curve = new Curve("Forecast", { x: "at", label: (at) => this.label(at) });
    const from = number("from", NaN);
    if (Number.isFinite(from)) this.curve.view = [from, number("to", from + 10)];
    this.said = h("p", { class: "quiet" });
    this.table = h("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": "the forecast in numbers" });
    signal.addEventListener("abort", () => this.curve.close());
    const button = buttons(fail);
    fill(main, h("div", { class: "sliders" }, names.length > 1 ? h("div", {}, h("label", { for: "series" }, "Series "), this.series) : null,
      this.history.element, this.samples.element, h("div", {}, h("label", { for: "seed" }, "Seed "), this.seed)),
    this.curve.element, zooming(this.curve, () => this.keep()), this.said, this.assuming(),
    h("section", {}, h("div", { class: "head" }, h("h2", {}, "In numbers"), button("Save CSV", () => download("forecast.csv", this.csv(), "text/csv"))), this.table));
  }

  assuming() {
    if (!this.covariates.length) return null;
    return h("fieldset", {}, h("legend", {}, "What if"),
      h("p", { class: "quiet" }, "Give what will be: one number for all steps ahead, or one for each, with commas between them. The second fan shows what follows."),
      h("div", { class: "grid" }, this.covariates.map((/** @type {string} */ name, /** @type {number} */ at) =>
        h("div", { class: "field" }, h("label", { for: `what-${at}` }, name), this.whatIf[name]))));
  }

  /** What is assumed, by the names of the columns. */
  given() {
    return Object.entries(this.whatIf).map(([name, input]) => [name, input.value.trim()]).filter(([, value]) => value);
  }

  keep() {
    const view = this.curve.view ?? [];
    keep({ series: this.series.value, history: this.history.value(), samples: this.samples.value(), seed: Number(this.seed.value) || 0,
      from: view.length ? shown(view[0]).replace(/,/g, "") : "", to: view.length ? shown(view[1]).replace(/,/g, "") : "",
      ...Object.fromEntries(this.given().map(([name, value]) => [`if_${name}`, value])) });
  }

  async look() {
    this.keep();
    const how = { samples: this.samples.value(), seed: Number(this.seed.value) || 0, history: this.history.value(), hold_known: true,
      ...(this.series.value ? { only: [this.series.value] } : {}) };
    const plain = await this.question.predict(how);
    if (!plain) return;
    const assume = this.given().map(([name, value]) => `${name}=${value}`);
    const other = assume.length ? await this.question.predict({ ...how, assume }) : null;
    if (other === undefined) return;
    this.plain = plain.answer[0];
    this.assumed = other?.answer[0] ?? null;
    this.draw();
  }

  /** @param {number} at steps from the first one ahead */
  label(at) {
    if (!this.plain || !Number.isInteger(at)) return "";
    const times = at < 0 ? this.plain.history.times : this.plain.times;
    const time = times[at < 0 ? times.length + at : at];
    return time === undefined ? "" : String(time).replace("T", " ").replace(/ 00:00:00$/, "").replace(/:00$/, "");
  }

  draw() {
    const plain = /** @type {Ahead} */ (this.plain);
    const before = plain.history.values;
    const ahead = plain.times.map((_, at) => at);
    const last = before[before.length - 1] ?? null;
    const median = (/** @type {Ahead} */ of) => ({ xs: [-1, ...ahead], ys: [last, ...of.quantiles["0.5"]] });
    const bands = (/** @type {Ahead} */ of, /** @type {number} */ colour) => (this.assumed ? SPREADS.slice(1, 2) : SPREADS).map(([low, high]) => ({ xs: [-1, ...ahead], low: [last, ...of.quantiles[low]], high: [last, ...of.quantiles[high]], colour }));
    this.curve.series = [{ name: "observed", xs: before.map((_, at) => at - before.length), ys: before }, { name: "median", ...median(plain) }];
    this.curve.bands = bands(plain, 1);
    if (this.assumed) {
      this.curve.series.push({ name: "median, as assumed", ...median(this.assumed), dashed: true });
      this.curve.bands.push(...bands(this.assumed, 2));
    }
    this.curve.later();
    const end = ahead.length - 1;
    const range = (/** @type {Ahead} */ of) => `${shown(of.quantiles["0.5"][end])}, between ${shown(of.quantiles["0.1"][end])} and ${shown(of.quantiles["0.9"][end])} with 80 %`;
    const words = `${this.label(end)}: ${range(plain)}${this.assumed ? `; as assumed ${range(this.assumed)}` : ""}`;
    this.said.textContent = words;
    announce(words);
    const of = this.assumed ?? plain;
    const covariates = Object.keys(of.known);
    fill(this.table, h("table", {}, h("thead", {}, h("tr", {}, h("th", { scope: "col" }, "time"), covariates.map((name) => h("th", { scope: "col" }, name)), LEVELS.map((level) => h("th", { scope: "col" }, percent(level))))),
      h("tbody", {}, ahead.map((at) => h("tr", {}, h("th", { scope: "row" }, this.label(at)), covariates.map((name) => h("td", {}, shown(of.known[name][at]))), LEVELS.map((level) => h("td", {}, shown(of.quantiles[level][at]))))))));
    Object.entries(this.whatIf).forEach(([name, input]) => { input.placeholder = plain.known[name]?.map((value) => (value === null ? "–" : String(value))).join(", ") ?? ""; });
  }

  csv() {
    const of = this.assumed ?? this.plain;
    if (!of) return "";
    return [["time", ...LEVELS].join(","), ...of.times.map((time, at) => [time, ...LEVELS.map((level) => of.quantiles[level][at])].join(","))].join("\n") + "\n";
  }
}

/** @param {string} level */
function percent(level) {
  return `${shown(100 * Number(level))} %`;
}
