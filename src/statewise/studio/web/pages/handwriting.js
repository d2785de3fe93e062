// Write any text by hand: text, style, bias and samples lie in the address, as on Graves' page; give your own hand.

import { ask } from "../lib/api.js";
import { keep } from "../lib/address.js";
import { announce, download, fill, h, isStill, settled, shown } from "../lib/dom.js";
import { animate, packed, picture, savePng, saveSvg, unpacked } from "../lib/ink.js";
import { Pen } from "../lib/pen.js";
import { slider } from "../lib/slider.js";

/** @typedef {[number, number][]} Stroke */

const STRIP = { width: 800, height: 200 };
const MOST_STROKES = 400;
const STILL_MILLISECONDS = 60;

/** @type {import("./use.js").ShowUse} */
export async function show({ main, query, facts, signal, fail }) {
  const page = new HandwritingPage(main, query, facts, signal, fail);
  if (query.has("text")) await page.write();
}

class HandwritingPage {
  /**
   * @param {HTMLElement} main
   * @param {URLSearchParams} query
   * @param {any} facts
   * @param {AbortSignal} signal
   * @param {(error: unknown) => void} fail
   */
  constructor(main, query, facts, signal, fail) {
    this.facts = facts;
    this.signal = signal;
    this.fail = fail;
    this.turn = new AbortController();
    this.strokes = unpacked(query.get("style"));
    const changed = settled(300, () => this.keep());
    const number = (/** @type {string} */ name, /** @type {number} */ usual) => (query.has(name) ? Number(query.get(name)) : usual);
    this.text = h("textarea", { id: "text", rows: "2", class: "wide", oninput: changed });
    this.text.value = query.get("text") ?? facts.question.text ?? "";
    this.bias = slider("Bias (neatness)", { min: 0, max: 3, step: 0.1, value: number("bias", 0.5) }, changed);
    this.samples = slider("Samples", { min: 1, max: 9, step: 1, value: number("samples", 1) }, changed);
    this.seed = h("input", { id: "seed", type: "number", min: "0", value: String(number("seed", 0)), oninput: changed });
    this.reads = h("input", { id: "reads", type: "text", value: query.get("style_text") ?? "", autocomplete: "off", oninput: changed });
    this.pen = new Pen({ ...STRIP, strip: true, label: "paper for your own hand",
      stroke: (stroke) => { this.strokes.push(stroke); this.drawOwn(); changed(); },
      undo: () => { this.strokes.pop(); this.drawOwn(); changed(); } });
    signal.addEventListener("abort", () => { this.turn.abort(); this.pen.close(); });
    this.letters = h("p", { class: "score", "aria-hidden": "true" });
    this.ink = h("div", { class: "ink" });
    const submit = (/** @type {Event} */ event) => { event.preventDefault(); this.write().catch(fail); };
    const button = (/** @type {string} */ words, /** @type {() => unknown} */ work) => h("button", { type: "button", onclick: () => Promise.resolve(work()).catch(fail) }, words);
    fill(main, h("form", { onsubmit: submit, "aria-label": "what to write" },
      h("div", { class: "field" }, h("label", { for: "text" }, "Text"), this.text),
      h("div", { class: "sliders" }, this.bias.element, this.samples.element, h("div", {}, h("label", { for: "seed" }, "Seed "), this.seed)),
      h("div", { class: "row" }, h("button", { class: "main" }, "Write"), button("Watch it write", () => this.watch()))),
    this.letters, this.ink,
    h("details", { open: this.strokes.length ? true : null }, h("summary", {}, "Write in your own hand"),
      h("p", { class: "quiet" }, "Write a few words on the paper, and say what they read: the model goes on in that hand."),
      this.pen.canvas,
      h("div", { class: "field" }, h("label", { for: "reads" }, "What it reads"), this.reads),
      h("div", { class: "row" }, button("Undo", () => { this.strokes.pop(); this.drawOwn(); this.keep(); }), button("Clear", () => { this.strokes = []; this.drawOwn(); this.keep(); }),
        button("Save as a style", () => download("style.json", JSON.stringify(this.hand() ?? {}), "application/json")))));
    this.drawOwn();
  }

  drawOwn() {
    this.pen.show([{ strokes: this.strokes }]);
  }

  /** @returns {{text: string, strokes: Stroke[]} | null} */
  hand() {
    return this.strokes.length && this.reads.value.trim() ? { text: this.reads.value.trim(), strokes: this.strokes } : null;
  }

  keep() {
    keep({ text: this.text.value, bias: this.bias.value(), samples: this.samples.value(), seed: Number(this.seed.value) || 0, style: packed(this.strokes), style_text: this.reads.value });
  }

  begin() {
    this.turn.abort();
    this.turn = new AbortController();
    this.signal.addEventListener("abort", () => this.turn.abort());
    this.keep();
    this.letters.textContent = "";
    return this.turn.signal;
  }

  async write() {
    const signal = this.begin();
    fill(this.ink, h("p", { class: "quiet" }, "…"));
    const hand = this.hand();
    let found;
    try {
      found = await ask("POST", "/v1/predict", { model: this.facts.id, text: this.text.value, bias: this.bias.value(), samples: this.samples.value(),
        seed: Number(this.seed.value) || 0, ...(hand ? { hand: JSON.stringify(hand) } : {}) }, signal);
    } catch (error) {
      if (signal.aborted) return;
      fill(this.ink);
      throw error;
    }
    fill(this.ink, found.answer.map((/** @type {any} */ written) => {
      const strokes = placed(written.lines);
      const nats = written.lines.reduce((/** @type {number} */ sum, /** @type {any} */ line) => sum + line.nats, 0);
      const points = written.lines.reduce((/** @type {number} */ sum, /** @type {any} */ line) => sum + line.points, 0);
      const svg = picture([{ strokes }], { title: `“${this.text.value}”, written by hand`, width: 4 });
      animate(svg, signal, { speed: 1500 });
      const name = written.title.replace(/\W+/g, "-");
      return h("figure", { class: "chart" }, svg, h("figcaption", { class: "row quiet" }, `${written.title}: ${points} points, ${shown(nats / Math.max(1, points))} nats a point`,
        h("button", { onclick: () => saveSvg(name, svg) }, "SVG"), h("button", { onclick: () => savePng(name, [{ strokes }]) }, "PNG"),
        h("button", { onclick: () => download(`${name}.json`, JSON.stringify(strokes), "application/json") }, "Strokes")));
    }));
    announce(`Written ${found.answer.length} times.`);
  }

  /** Let a live session write stroke by stroke, and show which letter the window of the model is at. */
  async watch() {
    const signal = this.begin();
    const text = this.text.value.split("\n")[0];
    const how = { bias: this.bias.value(), seed: Number(this.seed.value) || 0 };
    const { session } = await ask("POST", "/v1/sessions", { model: this.facts.id, live: true, settings: { text, ...how } }, signal);
    /** @type {Stroke[]} */
    const strokes = [];
    for (let number = 0; number < MOST_STROKES && !signal.aborted; number++) {
      let told;
      try {
        told = (await ask("POST", `/v1/sessions/${session}/step`, { input: "write", settings: how }, signal)).answer;
      } catch (error) {
        if (signal.aborted) return;
        if (!strokes.length) throw error;
        break; // the text is written to its end
      }
      strokes.push(told.stroke);
      this.point(text, told.letter);
      const svg = picture([{ strokes }], { title: `“${text}”, being written`, width: 4 });
      fill(this.ink, svg);
      await new Promise((done) => setTimeout(done, isStill() ? 0 : STILL_MILLISECONDS));
      if (told.letter >= told.letters) break;
    }
    announce("The text is written.");
  }

  /**
   * @param {string} text
   * @param {number} letter
   */
  point(text, letter) {
    fill(this.letters, Array.from(text).map((each, number) => (number === letter ? h("mark", {}, each) : each)));
  }
}

/**
 * Return the strokes of all lines, one below the other as the server lays them.
 * @param {{strokes: Stroke[]}[]} lines
 * @returns {Stroke[]}
 */
function placed(lines) {
  return lines.flatMap(({ strokes }) => strokes);
}
