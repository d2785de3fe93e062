// Draw; when the pen rests the model goes on, ending after ending. Draw again to interrupt it.

import { ask, ofRun, Refused } from "../lib/api.js";
import { keep } from "../lib/address.js";
import { announce, download, fill, h, isStill, settled, shown } from "../lib/dom.js";
import { box, packed, picture, savePng, saveSvg, unpacked } from "../lib/ink.js";
import { Pen } from "../lib/pen.js";
import { slider } from "../lib/slider.js";

/** @typedef {[number, number][]} Stroke */
/** @typedef {{title: string, strokes: Stroke[], nats: number, nats_per_point: number, has_ended: boolean}} Ending */

const PAPER = 400;
const WHOLE = 280;
const REST_MILLISECONDS = 350;
const PAUSE_MILLISECONDS = 1400;
const POINTS_A_FRAME = 1.2;
const ENDING = "#14732d";
const MOST_SEEDS = 1_000_000;

/** @type {import("./use.js").ShowUse} */
export async function show({ main, query, facts, signal, fail }) {
  const page = new SketchPage(main, query, facts, signal, fail);
  await page.begin(unpacked(query.get("strokes")));
}

class SketchPage {
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
    /** @type {Stroke[]} */
    this.strokes = [];
    /** @type {string[]} the session after each stroke, the fresh one first */
    this.sessions = [];
    /** @type {Ending | null} */
    this.ending = null;
    this.shown = 0;
    this.queue = Promise.resolve();
    this.waiting = 0;
    this.turn = new AbortController();
    const changed = settled(250, () => { this.keep(); this.rest(); });
    const classes = (facts.names.classes ?? []).map((/** @type {any} */ row) => row.class);
    this.isLive = Boolean(facts.sessions.live); // a run by class has none: its strokes are scored with their endings alone
    this.byClass = facts.question.class_ !== undefined;
    this.label = h("select", { id: "class", onchange: () => this.restart(this.strokes) }, classes.map((/** @type {string} */ name) => h("option", { value: name }, name)));
    this.label.value = query.get("class") ?? facts.question.class_ ?? "";
    this.temperature = slider("Temperature", { min: 0, max: 1, step: 0.05, value: query.has("temperature") ? Number(query.get("temperature")) : 0.4 }, changed);
    this.seed = query.has("seed") ? Number(query.get("seed")) : 0;
    this.goesOn = h("input", { id: "on", type: "checkbox", checked: query.get("wait") !== "1", onchange: changed });
    this.pen = new Pen({
      width: PAPER, height: PAPER, label: "paper",
      begun: () => this.interrupt(),
      stroke: (stroke) => { this.queue = this.queue.then(() => this.add(stroke)); },
      undo: () => { this.queue = this.queue.then(() => this.undo()); },
    });
    signal.addEventListener("abort", () => { this.interrupt(); this.pen.close(); });
    this.said = h("p", { class: "quiet", id: "said" }, "Draw something.");
    this.endings = h("div", { class: "nine" });
    const button = (/** @type {string} */ words, /** @type {() => unknown} */ work) => h("button", { onclick: () => Promise.resolve(work()).catch(fail) }, words);
    fill(main, h("div", { class: "two" },
      h("div", {}, this.pen.canvas, this.said, h("div", { class: "row" },
        button("Undo", () => { this.queue = this.queue.then(() => this.undo()); }),
        button("Clear", () => this.restart([])),
        button("Another ending", () => this.another()),
        button("Keep this ending", () => this.take(this.ending)))),
      h("div", {},
        h("div", { class: "sliders" }, this.byClass ? h("div", {}, h("label", { for: "class" }, "Draw a "), this.label) : null, this.temperature.element,
          h("div", { class: "row" }, this.goesOn, h("label", { for: "on" }, "goes on when the pen rests"))),
        h("div", { class: "row" }, button("Nine endings", () => this.several({ endings: 9 })), button("Draw it again", () => this.several({ reconstruct: true })), button("Vary it", () => this.several({ vary: 9 }))),
        this.endings,
        h("div", { class: "row" }, button("Save SVG", () => saveSvg("sketch", this.svg())), button("Save PNG", () => savePng("sketch", this.inks())),
          button("Save strokes", () => download("sketch.json", JSON.stringify(this.inks().flatMap(({ strokes }) => strokes)), "application/json"))))));
  }

  /** @param {Stroke[]} strokes */
  async begin(strokes) {
    this.strokes = [];
    const [, , width, height] = box(strokes);
    const settings = { side: Math.max(WHOLE, width, height), ...this.named() };
    if (this.isLive) this.sessions = [(await ask("POST", "/v1/sessions", { model: this.facts.id, live: true, settings }, this.signal)).session];
    for (const stroke of strokes) await this.read(stroke);
    this.draw();
    this.keep();
    this.rest();
  }

  /** @param {Stroke[]} strokes */
  restart(strokes) {
    this.interrupt();
    fill(this.endings);
    this.queue = this.queue.then(() => this.begin(strokes)).catch(this.fail);
    return this.queue;
  }

  /** Stop whatever the model is about to draw. */
  interrupt() {
    clearTimeout(this.waiting);
    this.turn.abort();
    this.turn = new AbortController();
    this.ending = null;
    this.draw();
  }

  /** @param {Stroke} stroke */
  async add(stroke) {
    try {
      await this.read(stroke);
      this.keep();
    } catch (error) {
      if (error instanceof Refused && [404, 410].includes(error.status) && !this.signal.aborted) {
        await ask("POST", ofRun(this.facts.id, "/open"), undefined, this.signal).catch(this.fail);
        await this.begin([...this.strokes, stroke]).catch(this.fail);
      } else if (!this.signal.aborted) this.fail(error);
    }
    this.draw();
    this.rest();
  }

  /**
   * Let the session read a stroke: the state before it stays, as the session before.
   * @param {Stroke} stroke
   */
  async read(stroke) {
    if (!this.isLive) {
      this.strokes.push(stroke);
      return;
    }
    const before = this.sessions[this.sessions.length - 1];
    const { session } = await ask("POST", `/v1/sessions/${before}/fork`, undefined, this.signal);
    const told = await ask("POST", `/v1/sessions/${session}/step`, { input: stroke, settings: this.named() }, this.signal);
    this.sessions.push(session);
    this.strokes.push(stroke);
    this.tell(told.answer);
  }

  named() {
    return this.byClass ? { class_: this.label.value } : {};
  }

  async undo() {
    if (!this.strokes.length) return;
    this.interrupt();
    this.strokes.pop();
    const gone = this.sessions.pop();
    if (gone) ask("DELETE", `/v1/sessions/${gone}`).catch(() => {});
    this.keep();
    this.draw();
    this.said.textContent = `${this.strokes.length} strokes; the last one is taken back`;
    announce(this.said.textContent);
    this.rest();
  }

  /** @param {any} answer */
  tell(answer) {
    if (!answer) return;
    this.said.textContent = `${answer.strokes} strokes, ${shown(answer.nats_per_point)} nats a point, ends here: ${Math.round(100 * answer.end)} %`;
    announce(this.said.textContent);
  }

  /** How large the whole drawing will be: as the paper suggests, or as it is by now. */
  side() {
    const [, , width, height] = box(this.strokes);
    return Math.max(WHOLE, width, height);
  }

  /** Let the model go on once the pen has rested. */
  rest() {
    clearTimeout(this.waiting);
    if (this.goesOn.checked && this.strokes.length && !this.pen.now) this.waiting = setTimeout(() => this.another().catch(this.fail), REST_MILLISECONDS);
  }

  /** @param {any} how */
  asked(how) {
    const drawn = this.strokes.length ? { strokes: JSON.stringify(this.strokes), side: this.side() } : {};
    return { model: this.facts.id, temperature: this.temperature.value(), seed: this.seed, ...this.named(), ...drawn, ...how };
  }

  async another() {
    this.interrupt();
    const { signal } = this.turn;
    this.seed = (this.seed + 1) % MOST_SEEDS;
    const began = performance.now();
    let found;
    try {
      found = await ask("POST", "/v1/predict", this.asked({ endings: 1 }), signal);
    } catch (error) {
      if (signal.aborted) return;
      throw error;
    }
    if (signal.aborted) return;
    this.pen.canvas.dataset.milliseconds = (performance.now() - began).toFixed(1);
    this.ending = this.placed(found.answer[0]);
    this.keep();
    announce(`The model drew an ending of ${this.ending.strokes.length} strokes.`);
    this.animate(signal);
  }

  /**
   * Return an ending on this paper; one from nothing is put into its middle.
   * @param {Ending} ending
   */
  placed(ending) {
    if (this.strokes.length) return ending;
    const [x, y, width, height] = box(ending.strokes);
    const scale = WHOLE / Math.max(width, height, 1);
    const strokes = ending.strokes.map((stroke) => stroke.map(([px, py]) => /** @type {[number, number]} */ (
      [(px - x - width / 2) * scale + PAPER / 2, (py - y - height / 2) * scale + PAPER / 2])));
    return { ...ending, strokes };
  }

  /** @param {AbortSignal} signal */
  animate(signal) {
    const ending = /** @type {Ending} */ (this.ending);
    const total = ending.strokes.reduce((sum, stroke) => sum + stroke.length, 0);
    let drawn = isStill() ? total : 0;
    const frame = () => {
      if (signal.aborted) return;
      drawn = Math.min(total, drawn + POINTS_A_FRAME);
      this.draw(drawn);
      if (drawn < total) requestAnimationFrame(frame);
      else if (this.goesOn.checked && !isStill() && this.strokes.length) {
        this.waiting = setTimeout(() => document.hidden || this.another().catch(this.fail), PAUSE_MILLISECONDS);
      }
    };
    frame();
  }

  /** @param {number} [points] of the ending that are to be seen */
  draw(points = Infinity) {
    /** @type {Stroke[]} */
    const part = [];
    let left = points;
    for (const stroke of this.ending?.strokes ?? []) {
      if (left <= 0) break;
      part.push(stroke.slice(0, Math.ceil(left)));
      left -= stroke.length;
    }
    this.pen.show([{ strokes: this.strokes }, { strokes: part, colour: ENDING }]);
    this.pen.canvas.dataset.ending = String(part.length);
  }

  /** @param {any} how */
  async several(how) {
    this.interrupt();
    fill(this.endings, h("p", { class: "quiet" }, "…"));
    try {
      const { answer } = await ask("POST", "/v1/predict", this.asked(how), this.turn.signal);
      const isEnding = Boolean(how.endings);
      fill(this.endings, answer.map((/** @type {Ending} */ ending) => {
        const inks = isEnding ? [{ strokes: this.strokes }, { strokes: ending.strokes, colour: ENDING }] : [{ strokes: ending.strokes, colour: ENDING }];
        const title = `${ending.title}, ${shown(ending.nats_per_point)} nats a point`;
        return h("button", { "aria-label": `take ${title}`, onclick: () => this.take(isEnding ? this.placed(ending) : ending, isEnding) }, picture(inks, { title, width: 3 }));
      }));
      announce(`${answer.length} drawings.`);
    } catch (error) {
      fill(this.endings);
      if (!this.signal.aborted) this.fail(error);
    }
  }

  /**
   * Make an ending part of the drawing, as if it had been drawn by hand.
   * @param {Ending | null} ending
   * @param {boolean} [isEnding]
   */
  async take(ending, isEnding = true) {
    if (!ending) return;
    const strokes = isEnding ? [...this.strokes, ...ending.strokes] : ending.strokes;
    await this.restart(strokes.map((stroke) => stroke.map(([x, y]) => /** @type {[number, number]} */ ([Math.round(x), Math.round(y)]))));
  }

  inks() {
    return [{ strokes: this.strokes }, ...(this.ending ? [{ strokes: this.ending.strokes, colour: ENDING }] : [])];
  }

  svg() {
    return picture(this.inks(), { title: "a sketch", width: 2.5 });
  }

  keep() {
    keep({ strokes: packed(this.strokes), class: this.byClass ? this.label.value : "", temperature: this.temperature.value(), seed: this.seed, wait: this.goesOn.checked ? "" : "1" });
  }
}
