// Drop a silent film, and hear it: the sound that the model makes for it, its strokes on a line of time, its wave.

import { buttons, LastQuestion, reading } from "../lib/asking.js";
import { keep } from "../lib/address.js";
import { Curve } from "../lib/curve.js";
import { announce, download, fill, h, settled, shown } from "../lib/dom.js";
import { base64, blobOf, fileField } from "../lib/given.js";
import { slider } from "../lib/slider.js";
import { tableOf, timeline } from "../lib/timeline.js";

const MOST_BYTES = 20e6;
const WAVE_HEADER = 44;
const STROKE_SECONDS = 0.05;
const FARTHEST_SECONDS = 0.08;

/** @type {import("./use.js").ShowUse} */
export async function show({ main, query, facts, signal, fail }) {
  new SoundPage(main, query, facts, signal, fail);
}

class SoundPage {
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
    const changed = settled(400, () => { this.keep(); if (this.film) this.ask().catch(fail); });
    this.way = h("select", { id: "way", onchange: changed }, ["retrieval", "parametric"].map((way) => h("option", { value: way }, way === "retrieval" ? "pieces of recordings" : "noise and tones")));
    this.way.value = text("way") === "parametric" ? "parametric" : "retrieval";
    this.gain = slider("Louder by (dB)", { min: -20, max: 20, step: 1, value: number("gain", 0) }, changed);
    this.sure = slider("A stroke is sure from (0: as training found)", { min: 0, max: 0.95, step: 0.01, value: number("sure", 0) }, changed);
    this.seed = h("input", { id: "seed", type: "number", min: "0", value: String(number("seed", 0)), oninput: changed });
    /** @type {string} the film in base 64 */
    this.film = "";
    /** @type {string[]} addresses of what is played */
    this.addresses = [];
    this.wav = new Blob();
    this.video = h("video", { class: "seen", muted: true, playsinline: true, controls: true, hidden: true, "aria-label": "the film",
      onplay: () => this.together(() => this.audio.play()), onpause: () => this.audio.pause(), onseeked: () => this.together(() => undefined), ontimeupdate: () => this.hold() });
    this.audio = h("audio", { controls: true, hidden: true, "aria-label": "its sound" });
    this.out = h("div", { class: "answers" });
    this.curve = new Curve("The sound", { x: "sample" });
    this.curve.element.hidden = true;
    this.save = buttons(fail)("Save the sound", () => download("sound.wav", this.wav), { hidden: true });
    signal.addEventListener("abort", () => { this.curve.close(); this.forget(); });
    fill(main, h("div", { class: "two" },
      h("div", {}, fileField({ label: "A film", accept: "video/*,image/gif", most: MOST_BYTES, signal, fail, help: "MP4, WebM, GIF, without sound or with one that is left out. It goes to this studio alone, and is not kept.",
        given: (file) => this.take(file).catch(fail) }), this.video, this.audio, h("div", { class: "row" }, this.save)),
      h("div", {}, h("div", { class: "sliders" }, h("div", {}, h("label", { for: "way" }, "Made of "), this.way), this.gain.element, this.sure.element, h("div", {}, h("label", { for: "seed" }, "Seed "), this.seed)),
        this.out)), this.curve.element);
  }

  keep() {
    keep({ way: this.way.value, gain: this.gain.value() || "", sure: this.sure.value() || "", seed: Number(this.seed.value) || "" });
  }

  forget() {
    for (const address of this.addresses.splice(0)) URL.revokeObjectURL(address);
  }

  /** @param {Blob} blob */
  address(blob) {
    const address = URL.createObjectURL(blob);
    this.addresses.push(address);
    return address;
  }

  /** @param {File} file */
  async take(file) {
    this.forget();
    this.video.hidden = !file.type.startsWith("video/"); // a GIF is watched by the model alone
    if (!this.video.hidden) this.video.src = this.address(file);
    this.film = await base64(file);
    await this.ask();
  }

  async ask() {
    this.keep();
    fill(this.out, h("p", { class: "quiet" }, "The film is watched …"));
    let told;
    try {
      told = await this.question.predict({ sent: this.film, way: this.way.value, gain: this.gain.value(), sure: this.sure.value() || undefined, seed: Number(this.seed.value) || 0 });
    } catch (error) {
      fill(this.out);
      throw error;
    }
    if (told) await this.hear(told.answer[0]);
  }

  /** @param {{seconds: number, rate: number, strokes: any[], wav: string, frames_left_out: number}} made */
  async hear({ seconds, rate, strokes, wav, frames_left_out: left }) {
    this.wav = blobOf(wav, "audio/wav");
    this.audio.src = this.address(this.wav);
    this.audio.hidden = this.save.hidden = this.curve.element.hidden = false;
    const samples = new Int16Array((await this.wav.arrayBuffer()).slice(WAVE_HEADER));
    this.curve.label = (at) => `${shown(Math.round((1000 * at) / rate) / 1000)} s`;
    this.curve.series = [{ name: "amplitude", xs: Float64Array.from(samples, (_, at) => at), ys: Array.from(samples, (value) => value / 32768) }];
    this.curve.later();
    const events = strokes.map((one) => ({ label: one.material || "stroke", start: one.seconds, end: one.seconds + STROKE_SECONDS, confidence: one.confidence }));
    const words = `${shown(Number(seconds.toFixed(2)))} s of sound, ${strokes.length} strokes${left ? `, ${left} frames could not be read` : ""}`;
    fill(this.out, h("p", { role: "status" }, words), timeline(events, seconds, "strokes"), tableOf(events));
    announce(words);
  }

  /** Put the sound where the film is, then do the rest. @param {() => unknown} work */
  together(work) {
    this.audio.currentTime = this.video.currentTime;
    work();
  }

  /** Film and sound are two players: where they come apart, the sound follows. */
  hold() {
    if (!this.video.paused && Math.abs(this.audio.currentTime - this.video.currentTime) > FARTHEST_SECONDS) this.audio.currentTime = this.video.currentTime;
  }
}
