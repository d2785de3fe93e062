// Speak, or give a recording: words as they come, how sure each is and when it was said, and how loud the sound is.

import { buttons, LastQuestion, reading } from "../lib/asking.js";
import { keep } from "../lib/address.js";
import { announce, download, fill, h, settled, shown } from "../lib/dom.js";
import { base64, fileField } from "../lib/given.js";
import { level } from "../lib/looks.js";
import { Microphone } from "../lib/microphone.js";
import { slider } from "../lib/slider.js";
import { LiveSocket } from "../lib/socket.js";

const MOST_BYTES = 20e6;
const QUIET_DECIBELS = -60;

/** @type {import("./use.js").ShowUse} */
export async function show({ main, query, facts, signal, fail }) {
  new SpeechPage(main, query, facts, signal, fail);
}

class SpeechPage {
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
    this.question = new LastQuestion(facts.id, signal);
    const { number, text } = reading(query);
    const changed = settled(400, () => this.keep());
    this.beam = slider("Beam", { min: 1, max: 50, step: 1, value: number("beam", 8) }, changed);
    this.pause = slider("A pause is (s)", { min: 0.2, max: 3, step: 0.1, value: number("pause", 1.2) }, changed);
    this.hot = h("input", { id: "hot", type: "text", value: text("hot"), autocomplete: "off", placeholder: "names, words, with commas between them", oninput: changed });
    /** @type {any[]} what was said for good */
    this.final = [];
    this.turn = new AbortController();
    const button = buttons(fail);
    this.speak = button("Speak", () => this.listen(), { class: "main" });
    this.stop = button("Stop", () => this.finish(), { hidden: true });
    this.meter = h("meter", { min: "0", max: "1", value: 0, "aria-label": "how loud it is" });
    this.state = h("span", { class: "quiet" }, "");
    this.heard = h("div", { class: "heard", role: "log", "aria-label": "what was said", tabindex: "0" });
    this.partial = h("p", { class: "quiet partial" });
    signal.addEventListener("abort", () => this.turn.abort());
    fill(main, facts.sessions.live ? h("div", { class: "row" }, this.speak, this.stop, this.meter, this.state) : h("p", { class: "quiet" }, "This run reads a recording as a whole."),
      fileField({ label: "or a recording", accept: "audio/*", most: MOST_BYTES, signal, fail, help: "WAV, FLAC, OGG or MP3. It goes to this studio alone, and is not kept.", given: (file) => this.file(file).catch(fail) }),
      h("div", { class: "sliders" }, this.beam.element, this.pause.element, h("div", {}, h("label", { for: "hot" }, "Expect "), this.hot)),
      h("section", {}, h("h2", {}, "What was said"), this.heard, this.partial,
        h("div", { class: "row" }, button("Save as text", () => download("said.txt", this.final.map(({ text }) => `${text}\n`).join(""))), button("Clear", () => { this.final = []; this.draw(); }))));
  }

  keep() {
    keep({ beam: this.beam.value(), pause: this.pause.value(), hot: this.hot.value });
  }

  how() {
    const hot = this.hot.value.split(",").map((word) => word.trim()).filter(Boolean);
    return { beam: this.beam.value(), pause: this.pause.value(), ...(hot.length ? { hot } : {}) };
  }

  /** @param {File} file */
  async file(file) {
    this.keep();
    this.state.textContent = `${file.name} is heard …`;
    try {
      const told = await this.question.predict({ audio: await base64(file), ...this.how() });
      if (told) this.add(told.answer);
    } finally {
      this.state.textContent = "";
    }
  }

  async listen() {
    this.turn.abort();
    this.turn = new AbortController();
    const { signal } = this.turn;
    this.keep();
    this.speak.disabled = true;
    this.state.textContent = "waits for the microphone …";
    /** @type {ArrayBuffer[]} what was said before the socket was open */
    const early = [];
    /** @type {LiveSocket | null} */
    let socket = null;
    try {
      this.microphone = await Microphone.open((samples, peak) => {
        this.meter.value = peak > 0 ? Math.max(0, 1 - (20 * Math.log10(peak)) / QUIET_DECIBELS) : 0;
        if (socket) this.push(socket, samples, signal);
        else early.push(samples);
      }, signal);
      const opened = await LiveSocket.open(this.facts.id, { rate: this.microphone.rate, ...this.how() }, signal);
      for (const samples of early) this.push(opened, samples, signal);
      socket = this.socket = opened;
    } catch (error) {
      this.turn.abort();
      this.over();
      throw error;
    }
    this.speak.hidden = true;
    this.stop.hidden = false;
    this.stop.focus();
    this.state.textContent = `listens, ${shown(this.microphone.rate)} samples a second`;
  }

  /**
   * @param {LiveSocket} socket
   * @param {any} input
   * @param {AbortSignal} signal
   */
  async push(socket, input, signal) {
    try {
      const { answer } = await socket.push(input);
      if (signal.aborted) return;
      this.partial.textContent = answer.partial;
      this.state.textContent = `${answer.seconds.toFixed(1)} s heard`;
      this.add(answer.final);
    } catch (error) {
      if (signal.aborted) return;
      this.turn.abort();
      this.over();
      this.fail(error);
    }
  }

  /** Send what is left, and wait for its words. */
  async finish() {
    this.stop.disabled = true;
    await this.microphone?.finish();
    if (this.socket) await this.push(this.socket, "finish", this.turn.signal);
    this.turn.abort();
    this.over();
  }

  over() {
    this.speak.disabled = this.stop.disabled = false;
    this.speak.hidden = false;
    this.stop.hidden = true;
    this.meter.value = 0;
    this.state.textContent = "";
    this.partial.textContent = "";
  }

  /** @param {any[]} transcripts */
  add(transcripts) {
    const some = transcripts.filter(({ text }) => text);
    if (!some.length) return;
    this.final.push(...some);
    this.draw();
    announce(some.map(({ text }) => text).join(". "));
  }

  draw() {
    fill(this.heard, this.final.map(({ text, words, start, end, confidence }) => h("p", {},
      words.length ? words.map((/** @type {any} */ one, /** @type {number} */ at) => [at ? " " : "",
        h("span", { class: `l${level(1 - one.confidence, 1)}`, title: `${shown(one.start)} to ${shown(one.end)} s, ${Math.round(100 * one.confidence)} % sure` }, one.word)]).flat() : text,
      h("span", { class: "quiet small" }, ` ${shown(start)} to ${shown(end)} s, ${Math.round(100 * confidence)} % sure`))));
    this.heard.scrollTop = this.heard.scrollHeight;
  }
}
