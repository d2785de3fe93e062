// A text coloured by numbers, blue below nought and orange above, in which a stretch can be chosen: by mouse, or by
// arrows with Shift.

import { announce, fill, h } from "./dom.js";

const LEVELS = 8;

export class ColouredText {
  /**
   * @param {string} label
   * @param {(from: number, to: number) => void} chosen a stretch, or one step, where the two differ by one
   */
  constructor(label, chosen) {
    this.chosen = chosen;
    /** @type {string[]} */
    this.shown = [];
    this.from = 0;
    this.to = 0;
    this.anchor = 0;
    this.caret = 0;
    this.element = h("div", { class: "written coloured", tabindex: "0", role: "application", "aria-label": label, "aria-roledescription": "text: arrows move, with Shift a stretch is chosen",
      onkeydown: (/** @type {KeyboardEvent} */ event) => this.key(event),
      onpointerdown: (/** @type {PointerEvent} */ event) => this.down(event),
      onpointermove: (/** @type {PointerEvent} */ event) => this.move(event),
      onpointerup: () => { this.isDown = false; }, onpointerleave: () => { this.isDown = false; } });
    this.isDown = false;
  }

  /**
   * @param {string[]} shown
   * @param {number[]} strengths from -1 to 1
   * @param {(at: number) => string} title
   */
  draw(shown, strengths, title) {
    this.shown = shown;
    const isWords = shown.some((one) => one.length > 1 && !one.startsWith("\\x")); // a byte is shown by its number
    fill(this.element, shown.map((one, at) => h("span", { class: classOf(strengths[at]), "data-at": at, title: title(at) }, one === "\n" ? "↵\n" : isWords ? `${one} ` : one)));
    this.mark();
  }

  /**
   * @param {number} from
   * @param {number} to
   */
  choose(from, to) {
    const last = Math.max(0, this.shown.length - 1);
    this.from = Math.max(0, Math.min(last, from));
    this.to = Math.max(this.from + 1, Math.min(last + 1, to));
    this.mark();
    this.chosen(this.from, this.to);
  }

  mark() {
    this.element.querySelectorAll(".chosen").forEach((each) => each.classList.remove("chosen"));
    for (let at = this.from; at < this.to; at++) this.element.querySelector(`[data-at="${at}"]`)?.classList.add("chosen");
  }

  /** @param {Event} event */
  at(event) {
    const at = event.target instanceof HTMLElement ? event.target.dataset.at : undefined;
    return at === undefined ? null : Number(at);
  }

  /** @param {PointerEvent} event */
  down(event) {
    const at = this.at(event);
    if (at === null || event.button) return;
    this.isDown = true;
    this.anchor = event.shiftKey ? this.anchor : at;
    this.caret = at;
    this.choose(Math.min(this.anchor, at), Math.max(this.anchor, at) + 1);
  }

  /** @param {PointerEvent} event */
  move(event) {
    const at = this.at(event);
    if (!this.isDown || at === null || event.buttons !== 1 || at === this.caret) return;
    this.caret = at;
    this.choose(Math.min(this.anchor, at), Math.max(this.anchor, at) + 1);
  }

  /** @param {KeyboardEvent} event */
  key(event) {
    const by = { ArrowLeft: -1, ArrowRight: 1, ArrowUp: -20, ArrowDown: 20, Home: -Infinity, End: Infinity }[event.key];
    if (by === undefined) return;
    event.preventDefault();
    this.caret = Math.max(0, Math.min(this.shown.length - 1, this.caret + by));
    if (!event.shiftKey) this.anchor = this.caret;
    this.choose(Math.min(this.anchor, this.caret), Math.max(this.anchor, this.caret) + 1);
    this.element.querySelector(`[data-at="${this.caret}"]`)?.scrollIntoView({ block: "nearest" });
    announce(this.shown.slice(this.from, this.to).join(""));
  }
}

/** @param {number} strength */
function classOf(strength) {
  const level = Math.round(LEVELS * Math.abs(strength));
  return level ? `${strength < 0 ? "c" : "l"}${level}` : "";
}
