// A pen on paper: mouse, finger or stylus by pointer events, and the arrows of a keyboard. A stroke is told once.

import { announce, h } from "./dom.js";

/** @typedef {[number, number][]} Stroke points in the units of the paper */
/** @typedef {{strokes: Stroke[], colour?: string, fade?: number}} Layer */

const NEAR = 2;
const ARROW = 6;
const CURSOR_RADIUS = 5;

export class Pen {
  /**
   * @param {{width: number, height: number, label: string, strip?: boolean,
   *   begun?: () => void, stroke: (stroke: Stroke) => void, undo?: () => void}} how
   */
  constructor(how) {
    this.how = how;
    /** @type {Layer[]} */
    this.layers = [];
    /** @type {Stroke | null} */
    this.now = null;
    /** @type {number | null} */
    this.pointer = null;
    this.hand = { x: how.width / 2, y: how.height / 2, shown: false };
    this.waiting = 0;
    this.canvas = h("canvas", {
      class: `paper ${how.strip ? "strip" : ""}`, tabindex: "0", role: "application", "aria-label": how.label,
      "aria-roledescription": "paper: arrows move the pen, space puts it down and lifts it, backspace takes a stroke back",
      onpointerdown: (/** @type {PointerEvent} */ event) => this.down(event),
      onpointermove: (/** @type {PointerEvent} */ event) => this.move(event),
      onpointerup: (/** @type {PointerEvent} */ event) => this.up(event),
      onpointercancel: (/** @type {PointerEvent} */ event) => this.up(event),
      onlostpointercapture: (/** @type {PointerEvent} */ event) => this.up(event),
      onkeydown: (/** @type {KeyboardEvent} */ event) => this.key(event),
      onblur: () => { this.hand.shown = false; this.lift(); this.later(); },
    });
    this.watch = new ResizeObserver(() => this.later());
    this.watch.observe(this.canvas);
  }

  /** @param {PointerEvent} event */
  at(event) {
    const box = this.canvas.getBoundingClientRect();
    const x = ((event.clientX - box.left) / box.width) * this.how.width;
    const y = ((event.clientY - box.top) / box.height) * this.how.height;
    return /** @type {[number, number]} */ ([Math.round(10 * x) / 10, Math.round(10 * y) / 10]);
  }

  /** @param {PointerEvent} event */
  down(event) {
    if (this.pointer !== null || event.button !== 0) return; // a second finger draws nothing
    event.preventDefault();
    this.canvas.focus({ preventScroll: true });
    this.pointer = event.pointerId;
    this.canvas.setPointerCapture(event.pointerId);
    this.hand.shown = false;
    this.begin(this.at(event));
  }

  /** @param {PointerEvent} event */
  move(event) {
    if (event.pointerId !== this.pointer || !this.now) return;
    const all = event.getCoalescedEvents?.() ?? [];
    for (const each of all.length ? all : [event]) this.add(this.at(each));
    this.later();
  }

  /** @param {PointerEvent} event */
  up(event) {
    if (event.pointerId !== this.pointer) return;
    this.pointer = null;
    this.lift();
  }

  /** @param {[number, number]} point */
  begin(point) {
    this.now = [point];
    this.how.begun?.();
    this.later();
  }

  /** @param {[number, number]} point */
  add(point) {
    if (!this.now) return;
    const [x, y] = this.now[this.now.length - 1];
    if (Math.hypot(point[0] - x, point[1] - y) >= NEAR) this.now.push(point);
  }

  /** Commit what is being drawn, once. */
  lift() {
    const stroke = this.now;
    this.now = null;
    if (stroke) this.how.stroke(stroke.length > 1 ? stroke : [stroke[0], [stroke[0][0] + 1, stroke[0][1]]]);
    this.later();
  }

  /** @param {KeyboardEvent} event */
  key(event) {
    const { hand } = this;
    const by = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] }[event.key];
    if (by) {
      const length = event.shiftKey ? 5 * ARROW : ARROW;
      hand.x = Math.max(0, Math.min(this.how.width, hand.x + length * by[0]));
      hand.y = Math.max(0, Math.min(this.how.height, hand.y + length * by[1]));
      this.add([hand.x, hand.y]);
    } else if (event.key === " " || event.key === "Enter") {
      if (this.now) this.lift();
      else this.begin([hand.x, hand.y]);
      announce(this.now ? "pen down" : "pen up");
    } else if (event.key === "Backspace" || (event.key === "z" && (event.ctrlKey || event.metaKey))) {
      this.how.undo?.();
    } else return;
    event.preventDefault();
    hand.shown = true;
    this.later();
  }

  /** @param {Layer[]} layers */
  show(layers) {
    this.layers = layers;
    this.later();
  }

  later() {
    if (this.waiting) return;
    this.waiting = requestAnimationFrame(() => {
      this.waiting = 0;
      this.draw();
    });
  }

  draw() {
    const { canvas, how } = this;
    const ratio = devicePixelRatio || 1;
    const [width, height] = [Math.round(canvas.clientWidth * ratio), Math.round(canvas.clientHeight * ratio)];
    if (!width || !height) return;
    if (canvas.width !== width || canvas.height !== height) [canvas.width, canvas.height] = [width, height];
    const context = /** @type {CanvasRenderingContext2D} */ (canvas.getContext("2d"));
    context.setTransform(width / how.width, 0, 0, height / how.height, 0, 0);
    context.clearRect(0, 0, how.width, how.height);
    context.lineWidth = 2.5;
    context.lineCap = context.lineJoin = "round";
    const now = this.now ? [{ strokes: [this.now] }] : [];
    for (const layer of /** @type {Layer[]} */ ([...this.layers, ...now])) {
      context.strokeStyle = layer.colour ?? "#111111";
      context.globalAlpha = layer.fade ?? 1;
      for (const stroke of layer.strokes) {
        context.beginPath();
        stroke.forEach(([x, y], number) => (number ? context.lineTo(x, y) : context.moveTo(x, y)));
        if (stroke.length === 1) context.lineTo(...stroke[0]);
        context.stroke();
      }
    }
    context.globalAlpha = 1;
    if (!this.hand.shown) return;
    context.strokeStyle = "#9f1d1d";
    context.lineWidth = 1.5;
    context.beginPath();
    context.arc(this.hand.x, this.hand.y, CURSOR_RADIUS, 0, 2 * Math.PI);
    context.stroke();
  }

  close() {
    this.watch.disconnect();
    cancelAnimationFrame(this.waiting);
  }
}
