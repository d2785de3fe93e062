// Drop a picture, and see what is said of it, how sure that is, and where the model looked for each word.

import { LastQuestion, reading } from "../lib/asking.js";
import { keep } from "../lib/address.js";
import { announce, fill, h, settled, shown } from "../lib/dom.js";
import { base64, blobOf, fileField } from "../lib/given.js";
import { chooser } from "../lib/looks.js";
import { slider } from "../lib/slider.js";

const MOST_BYTES = 20e6;
const LONGEST_SIDE = 560;
const SHADE = 0.72;

/** @type {import("./use.js").ShowUse} */
export async function show({ main, query, facts, signal, fail }) {
  const page = new CaptionPage(main, query, facts, signal, fail);
  if (facts.question.image) await page.take(blobOf(facts.question.image, "image/png"), "the example");
}

class CaptionPage {
  /**
   * @param {HTMLElement} main
   * @param {URLSearchParams} query
   * @param {any} facts
   * @param {AbortSignal} signal
   * @param {(error: unknown) => void} fail
   */
  constructor(main, query, facts, signal, fail) {
    this.question = new LastQuestion(facts.id, signal);
    const { number } = reading(query);
    const changed = settled(400, () => this.ask().catch(fail));
    this.beam = slider("Beam", { min: 1, max: 20, step: 1, value: number("beam", 5) }, changed);
    this.best = slider("How many", { min: 1, max: 10, step: 1, value: number("best", 3) }, changed);
    this.least = slider("Not sure below", { min: 0, max: 1, step: 0.05, value: number("least", 0), off: 0 }, changed);
    /** @type {ImageBitmap | null} */
    this.picture = null;
    this.image = "";
    this.name = "";
    this.paper = h("canvas", { class: "seen", role: "img", "aria-label": "the picture" });
    this.answer = h("div", { class: "answers" });
    const field = fileField({ label: "A picture", accept: "image/*", most: MOST_BYTES, signal, fail, help: "Choose it, drop it here, or paste it. It goes to this studio alone, and is not kept.",
      given: (file) => this.take(file, file.name).catch(fail) });
    fill(main, h("div", { class: "two" }, h("div", {}, field, this.paper),
      h("div", {}, h("div", { class: "sliders" }, this.beam.element, this.best.element, this.least.element), this.answer)));
  }

  /**
   * @param {Blob} file
   * @param {string} name
   */
  async take(file, name) {
    this.image = await base64(file);
    this.name = name;
    try {
      this.picture = await createImageBitmap(file);
    } catch {
      this.picture = null; // a picture that the browser cannot show, such as a TIFF, is captioned all the same
    }
    this.draw(null);
    await this.ask();
  }

  async ask() {
    keep({ beam: this.beam.value(), best: this.best.value(), least: this.least.value() || "" });
    if (!this.image) return;
    fill(this.answer, h("p", { class: "quiet" }, "…"));
    let told;
    try {
      told = await this.question.predict({ image: this.image, beam: Math.max(this.beam.value(), this.best.value()), best: this.best.value(), least: this.least.value(), look_at: true });
    } catch (error) {
      fill(this.answer);
      throw error;
    }
    if (told) this.say(told.answer[0]);
  }

  /** @param {any} told */
  say({ caption, is_sure: isSure, captions, measured, looked_at: looked }) {
    const words = looked?.words.length ? chooser("words of the caption", looked.words, (at) => this.draw(looked.shares[at])) : null;
    fill(this.answer, h("p", { class: "said", role: "status" }, caption),
      isSure ? null : h("p", { class: "quiet" }, "It is less sure than was asked for."),
      words ? h("section", {}, h("h2", { class: "small" }, "Where it looked for each word"), words.element, h("button", { type: "button", onclick: () => this.draw(null) }, "The picture alone")) : null,
      h("section", {}, h("h2", { class: "small" }, "How sure"), h("ol", { class: "ranked" }, captions.map((/** @type {any} */ one) =>
        h("li", {}, one.text, h("span", { class: "quiet" }, ` ${Math.round(100 * one.sureness)} % a subword${one.is_finished ? "" : ", cut at the limit"}`))))),
      measured ? h("p", { class: "quiet" }, `${this.name}: ${measured.looks}, ${shown(measured.width)} × ${shown(measured.height)}, ${Object.entries(measured.colours).map(([name, share]) => `${Math.round(100 * Number(share))} % ${name}`).join(", ")}`) : null);
    this.draw(null);
    announce(caption);
  }

  /**
   * Draw the picture; where shares are given, light where it was looked at. @param {number[][] | null} shares
   */
  draw(shares) {
    const { paper, picture } = this;
    const scale = picture ? LONGEST_SIDE / Math.max(picture.width, picture.height) : 1;
    [paper.width, paper.height] = picture ? [Math.round(picture.width * scale), Math.round(picture.height * scale)] : [LONGEST_SIDE, 80];
    const context = /** @type {CanvasRenderingContext2D} */ (paper.getContext("2d"));
    context.imageSmoothingEnabled = !picture || scale < 4;
    if (picture) context.drawImage(picture, 0, 0, paper.width, paper.height);
    if (!shares) return;
    const most = Math.max(...shares.flat());
    const map = new OffscreenCanvas(shares[0].length, shares.length);
    const veil = new ImageData(map.width, map.height);
    shares.flat().forEach((share, at) => { veil.data[4 * at + 3] = Math.round(255 * SHADE * (1 - share / (most || 1))); });
    /** @type {OffscreenCanvasRenderingContext2D} */ (map.getContext("2d")).putImageData(veil, 0, 0);
    context.imageSmoothingEnabled = true;
    context.drawImage(map, 0, 0, paper.width, paper.height);
  }
}
