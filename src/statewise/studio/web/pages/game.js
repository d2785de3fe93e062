// Watch a match that the model plays, step by step: what is seen, what it does and how sure it is, what it expects.

import { buttons, LastQuestion, reading } from "../lib/asking.js";
import { keep } from "../lib/address.js";
import { Curve } from "../lib/curve.js";
import { announce, fill, h, isStill, shown } from "../lib/dom.js";
import { blobOf } from "../lib/given.js";
import { slider } from "../lib/slider.js";

/** @typedef {{text: string | null, image: string | null, action: any, value: number | null, odds: number[], reward: number | null}} Step */

const MOST_ODDS = 20;

/** @type {import("./use.js").ShowUse} */
export async function show({ main, query, facts, signal, fail }) {
  const page = new GamePage(main, query, facts, signal, fail);
  await page.play();
}

class GamePage {
  /**
   * @param {HTMLElement} main
   * @param {URLSearchParams} query
   * @param {any} facts
   * @param {AbortSignal} signal
   * @param {(error: unknown) => void} fail
   */
  constructor(main, query, facts, signal, fail) {
    this.question = new LastQuestion(facts.id, signal);
    this.signal = signal;
    const { number, tick } = reading(query);
    const again = () => this.play().catch(fail);
    this.seed = h("input", { id: "seed", type: "number", min: "0", value: String(number("seed", 0)), onchange: again });
    this.sampled = h("input", { id: "sampled", type: "checkbox", checked: tick("sampled"), onchange: again });
    this.erased = h("input", { id: "erased", type: "checkbox", checked: tick("erased"), onchange: again });
    this.speed = slider("Steps a second", { min: 1, max: 30, step: 1, value: number("speed", 6) }, () => this.keep());
    this.wanted = number("step", 0);
    /** @type {Step[]} */
    this.steps = [];
    this.now = 0;
    this.timer = 0;
    this.board = h("div", { class: "board", tabindex: "0", role: "group", "aria-label": "the game; arrows go from step to step, space plays", onkeydown: (/** @type {KeyboardEvent} */ event) => this.key(event) });
    this.place = h("input", { id: "step", type: "range", min: "0", max: "0", value: "0", oninput: () => { this.pause(); this.go(Number(this.place.value)); } });
    this.did = h("p", { class: "said" });
    this.odds = h("ul", { class: "plain bars" });
    this.result = h("p", { class: "quiet", role: "status" }, "…");
    this.curve = new Curve("What it expects, and what it has won", { x: "step" });
    signal.addEventListener("abort", () => { this.pause(); this.curve.close(); this.forget(); });
    /** @type {string[]} */
    this.addresses = [];
    const button = buttons(fail);
    this.playing = button("Play", () => (this.timer ? this.pause() : this.run()), { class: "main" });
    fill(main, h("div", { class: "sliders" }, h("div", {}, h("label", { for: "seed" }, "Episode (seed) "), this.seed), this.speed.element,
      h("div", { class: "tick" }, this.sampled, h("label", { for: "sampled" }, "draw actions by their odds")),
      h("div", { class: "tick" }, this.erased, h("label", { for: "erased" }, "without its memory"))), this.result,
    h("div", { class: "two" },
      h("div", {}, this.board, h("div", { class: "row" }, this.playing, button("◀", () => this.step(-1), { "aria-label": "one step back" }), button("▶", () => this.step(1), { "aria-label": "one step on" }),
        h("label", { for: "step" }, "Step"), this.place)),
      h("div", {}, this.did, this.odds)), this.curve.element);
  }

  keep() {
    keep({ seed: Number(this.seed.value) || 0, sampled: this.sampled.checked ? 1 : "", erased: this.erased.checked ? 1 : "", speed: this.speed.value(), step: this.now || "" });
  }

  async play() {
    this.pause();
    this.result.textContent = "The match is played …";
    const told = await this.question.predict({ episodes: 1, seed: Number(this.seed.value) || 0, sampled: this.sampled.checked, erased: this.erased.checked, every_step: true });
    if (!told) return;
    const [episode] = told.answer;
    this.steps = /** @type {Step[]} */ (episode.told);
    this.forget();
    this.addresses = this.steps.map(({ image }) => (image ? URL.createObjectURL(blobOf(image, "image/png")) : ""));
    this.place.max = String(this.steps.length - 1);
    this.result.textContent = `It returned ${shown(episode.return)} in ${shown(episode.steps)} steps${episode.steps >= this.steps.length ? `, of which the first ${shown(this.steps.length)} are shown` : ""}.`;
    this.draw();
    this.go(Math.min(this.wanted, this.steps.length - 1));
    this.wanted = 0;
  }

  draw() {
    const xs = this.steps.map((_, at) => at);
    let sum = 0;
    const won = this.steps.map(({ reward }) => { const before = sum; sum += reward ?? 0; return before; });
    this.curve.series = [{ name: "expected from here on", xs, ys: this.steps.map(({ value }) => value) }, { name: "won so far", xs, ys: won }];
    this.curve.moved = (at) => { if (!this.timer && at >= 0) this.go(at); };
    this.curve.later();
  }

  /** @param {number} at */
  go(at) {
    this.now = Math.max(0, Math.min(this.steps.length - 1, at));
    const step = this.steps[this.now];
    if (!step) return;
    this.place.value = String(this.now);
    this.curve.cursor = this.now;
    this.curve.later();
    const address = this.addresses[this.now];
    const seen = step.text !== null ? h("pre", { class: "sample large" }, step.text)
      : address ? h("img", { src: address, alt: `what is seen at step ${this.now}`, class: "frame" })
        : h("p", { class: "quiet" }, "This environment cannot be shown: only what is done is told.");
    fill(this.board, seen);
    const words = step.action === null ? "It is over." : `Step ${this.now}: ${said(step.action)}${step.reward ? `, which brings ${shown(step.reward)}` : ""}`;
    this.did.textContent = words;
    const order = [...step.odds.keys()].sort((a, b) => step.odds[b] - step.odds[a]).slice(0, MOST_ODDS).sort((a, b) => a - b);
    fill(this.odds, order.map((choice) => h("li", { "aria-current": choice === step.action ? "true" : null }, h("span", {}, `choice ${choice}`),
      h("meter", { min: "0", max: "1", value: step.odds[choice], "aria-label": `choice ${choice}` }), h("span", { class: "quiet" }, `${Math.round(100 * step.odds[choice])} %`))));
    this.keep();
  }

  /** @param {number} by */
  step(by) {
    this.pause();
    this.go(this.now + by);
    announce(this.did.textContent ?? "");
  }

  run() {
    if (this.now >= this.steps.length - 1) this.go(0);
    this.playing.textContent = "Pause";
    const next = () => {
      this.go(this.now + 1);
      if (this.now >= this.steps.length - 1) this.pause();
      else this.timer = setTimeout(next, 1000 / this.speed.value());
    };
    this.timer = setTimeout(next, isStill() ? 0 : 1000 / this.speed.value());
  }

  pause() {
    clearTimeout(this.timer);
    this.timer = 0;
    this.playing.textContent = "Play";
  }

  /** @param {KeyboardEvent} event */
  key(event) {
    const work = { ArrowLeft: () => this.step(-1), ArrowRight: () => this.step(1), Home: () => this.go(0), End: () => this.go(this.steps.length - 1),
      " ": () => (this.timer ? this.pause() : this.run()) }[event.key];
    if (!work) return;
    event.preventDefault();
    work();
  }

  /** Let go of the pictures. */
  forget() {
    for (const address of this.addresses ?? []) if (address) URL.revokeObjectURL(address);
    this.addresses = [];
  }
}

/** @param {any} action */
function said(action) {
  return Array.isArray(action) ? `it does ${action.map((one) => (typeof one === "number" ? shown(one) : String(one))).join(", ")}` : `it takes choice ${action}`;
}
