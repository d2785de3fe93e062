// Recognise movements in a file, along a drawn path, or before a camera; gestures appear on a line of time.

import { buttons, LastQuestion, reading } from "../lib/asking.js";
import { keep } from "../lib/address.js";
import { Camera } from "../lib/camera.js";
import { announce, fill, h, settled, shown } from "../lib/dom.js";
import { table } from "../lib/form.js";
import { base64, fileField } from "../lib/given.js";
import { Pen } from "../lib/pen.js";
import { slider } from "../lib/slider.js";
import { LiveSocket } from "../lib/socket.js";
import { tableOf, timeline } from "../lib/timeline.js";

const MOST_BYTES = 20e6;
const PAPER = 400;
const POINT_SECONDS = 0.02;
const FRAME_MILLISECONDS = 66;

/** @type {import("./use.js").ShowUse} */
export async function show({ main, query, facts, signal, fail }) {
  new GesturePage(main, query, facts, signal, fail);
}

class GesturePage {
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
    this.columns = Object.keys(facts.question.table ?? {});
    this.isFilm = facts.question.film !== undefined;
    const { number } = reading(query);
    const changed = settled(400, () => { this.keep(); if (this.given) this.ask(this.given).catch(fail); });
    this.on = slider("A gesture begins at", { min: 0.05, max: 1, step: 0.05, value: number("on", 0.7) }, changed);
    this.off = slider("and ends below", { min: 0.05, max: 1, step: 0.05, value: number("off", 0.4) }, changed);
    /** @type {Record<string, any> | null} what was asked about last */
    this.given = null;
    this.out = h("div", { class: "answers" });
    this.video = h("video", { class: "seen", muted: true, playsinline: true, hidden: true, "aria-label": "what is watched" });
    const button = buttons(fail);
    this.watchButton = button("Watch by camera", () => this.watch());
    this.stopButton = button("Stop", () => this.stop(), { hidden: true });
    const accept = this.isFilm ? "video/*,image/gif" : ".csv,.txt,text/csv";
    const help = this.isFilm ? "A clip: MP4, WebM, GIF." : `A table in CSV with the columns ${this.columns.slice(0, 8).join(", ")}${this.columns.length > 8 ? ", …" : ""}, and time where there is one.`;
    fill(main, h("div", { class: "two" },
      h("div", {}, fileField({ label: this.isFilm ? "A film" : "A recording", accept, most: MOST_BYTES, signal, fail, help, given: (file) => this.file(file).catch(fail) }),
        this.isFilm && facts.sessions.live ? h("div", { class: "row" }, this.watchButton, this.stopButton) : null, this.video, this.paper()),
      h("div", {}, h("div", { class: "sliders" }, this.on.element, this.off.element), this.out)));
  }

  keep() {
    keep({ on: this.on.value(), off: this.off.value() });
  }

  rules() {
    return { on: this.on.value(), off: Math.min(this.off.value(), this.on.value()) };
  }

  /** A path that is drawn is a recording where a run reads two numbers at a time. */
  paper() {
    if (this.isFilm || this.columns.length !== 2) return null;
    const pen = new Pen({ width: PAPER, height: PAPER, label: "paper for a movement", stroke: (stroke) => {
      pen.show([{ strokes: [stroke] }]);
      const [x, y] = this.columns;
      this.ask({ table: { time: stroke.map((_, at) => at * POINT_SECONDS), [x]: stroke.map(([a]) => a / PAPER), [y]: stroke.map(([, b]) => 1 - b / PAPER) } }).catch(this.fail);
    } });
    this.signal.addEventListener("abort", () => pen.close());
    return h("div", {}, h("p", {}, "or draw the movement:"), pen.canvas);
  }

  /** @param {File} file */
  async file(file) {
    this.stop();
    if (this.isFilm) {
      this.show(file);
      await this.ask({ film: await base64(file) });
    } else {
      await this.ask({ table: table(await file.text()) });
    }
  }

  /** @param {File} file */
  show(file) {
    if (!file.type.startsWith("video/")) return;
    if (this.address) URL.revokeObjectURL(this.address);
    this.address = URL.createObjectURL(file);
    this.video.hidden = false;
    this.video.controls = true;
    this.video.src = this.address;
  }

  /** @param {Record<string, any>} given */
  async ask(given) {
    this.given = given;
    this.keep();
    fill(this.out, h("p", { class: "quiet" }, "…"));
    let told;
    try {
      told = await this.question.predict({ ...given, ...this.rules() });
    } catch (error) {
      fill(this.out);
      throw error;
    }
    if (!told) return;
    const [answer] = told.answer;
    fill(this.out, h("p", { role: "status" }, h("strong", { class: "said" }, answer.label), h("span", { class: "quiet" }, ` ${Math.round(100 * answer.confidence)} % sure, clear after ${shown(answer.decided)} of ${shown(answer.seconds)} s`)),
      bars(answer.likely), h("h2", { class: "small" }, "Gestures in it"), timeline(answer.events, answer.seconds, "gestures"), tableOf(answer.events));
    announce(`${answer.label}, ${Math.round(100 * answer.confidence)} % sure, ${answer.events.length} gestures`);
  }

  async watch() {
    this.stop();
    this.turn = new AbortController();
    const { signal } = this.turn;
    this.signal.addEventListener("abort", () => this.turn?.abort());
    this.given = null;
    this.video.hidden = false;
    this.video.controls = false;
    this.watchButton.hidden = true;
    this.stopButton.hidden = false;
    try {
      const camera = await Camera.open(this.video, signal);
      const socket = await LiveSocket.open(this.facts.id, this.rules(), signal);
      await this.follow(camera, socket, signal);
    } catch (error) {
      if (!signal.aborted) this.fail(error);
      this.stop();
    }
  }

  /**
   * Send frame after frame, each when the one before was answered; what is late is left out.
   * @param {Camera} camera
   * @param {LiveSocket} socket
   * @param {AbortSignal} signal
   */
  async follow(camera, socket, signal) {
    const began = performance.now();
    /** @type {any[]} */
    const events = [];
    const now = h("p", { role: "status" });
    const line = h("div");
    fill(this.out, now, h("h2", { class: "small" }, "Gestures so far"), line);
    while (!signal.aborted) {
      const time = (performance.now() - began) / 1000;
      const { answer } = await socket.push({ time, image: await camera.frame() });
      if (signal.aborted) return;
      events.push(...(answer.events ?? []));
      if (answer.label) fill(now, h("strong", { class: "said" }, answer.label), h("span", { class: "quiet" }, ` ${Math.round(100 * answer.confidence)} %, ${shown(Math.round(10 * answer.seconds) / 10)} s`));
      if (answer.events?.length) announce(answer.events.map((/** @type {any} */ one) => one.label).join(", "));
      fill(line, timeline(events, time, "gestures", time), tableOf(events));
      await new Promise((done) => setTimeout(done, Math.max(0, FRAME_MILLISECONDS - (performance.now() - began - 1000 * time))));
    }
  }

  stop() {
    this.turn?.abort();
    this.watchButton.hidden = false;
    this.stopButton.hidden = true;
    if (!this.video.controls) this.video.hidden = true;
  }
}

/** @param {Record<string, number>} likely */
function bars(likely) {
  return h("ul", { class: "plain bars" }, Object.entries(likely).map(([label, share]) => h("li", {}, h("span", {}, label),
    h("meter", { min: "0", max: "1", value: share, "aria-label": label }), h("span", { class: "quiet" }, `${Math.round(100 * share)} %`))));
}
