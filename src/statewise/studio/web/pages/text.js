// Write with a model: every character with its likeliest next and its surprise; go back anywhere and take another branch.

import { ask, pieces, Refused } from "../lib/api.js";
import { keep } from "../lib/address.js";
import { announce, fill, h, settled, shown } from "../lib/dom.js";
import { slider } from "../lib/slider.js";
import { bitsOf, LIKELIEST, Tree, visible, words } from "../lib/tree.js";

/** @typedef {import("../lib/tree.js").Branch} Branch */

const BITS = [1, 2, 3.5, 5, 7];
const LONGEST_KEPT = 3000;

/** @type {import("./use.js").ShowUse} */
export async function show({ main, query, facts, signal, fail }) {
  const page = new TextPage(main, query, facts, signal, fail);
  await page.begin(query.get("text") ?? facts.question.prompt ?? "");
}

class TextPage {
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
    this.tree = new Tree(facts.id, signal);
    this.caret = 0;
    this.isBusy = false;
    const kept = settled(300, () => this.keep());
    const number = (/** @type {string} */ name, /** @type {number} */ usual) => (query.has(name) ? Number(query.get(name)) : usual);
    this.temperature = slider("Temperature", { min: 0, max: 2, step: 0.05, value: number("temperature", 0.8) }, kept);
    this.topK = slider("Top-k", { min: 0, max: 50, step: 1, value: number("k", 0), off: 0 }, kept);
    this.topP = slider("Top-p", { min: 0.05, max: 1, step: 0.05, value: number("p", 1), off: 1 }, kept);
    this.count = slider("Characters", { min: 10, max: 500, step: 10, value: number("n", 80) }, kept);
    this.seed = h("input", { id: "seed", type: "number", min: "0", value: query.get("seed") ?? "", placeholder: "any", oninput: kept });
    this.written = h("div", { class: "written", tabindex: "0", role: "textbox", "aria-multiline": "true", "aria-readonly": "true",
      "aria-label": "what is written; arrows move along it", onkeydown: (/** @type {KeyboardEvent} */ event) => this.key(event),
      onclick: (/** @type {MouseEvent} */ event) => this.click(event) });
    this.said = h("p", { class: "quiet" });
    this.next = h("div", { class: "next", role: "group", "aria-label": "likeliest next" });
    this.branches = h("ul", { class: "tree" });
    this.type = h("input", { id: "type", type: "text", autocomplete: "off", placeholder: "type, then Enter" });
    this.more = h("button", { class: "main", onclick: () => this.busy(() => this.write()) }, "Write on");
    this.stop = h("button", { hidden: true, onclick: () => this.writing?.abort() }, "Stop");
    const typed = (/** @type {Event} */ event) => {
      event.preventDefault();
      const text = this.type.value;
      this.type.value = "";
      if (text) this.busy(() => this.read(text));
    };
    fill(main, h("div", { class: "two" },
      h("div", {}, this.written, this.said, h("h2", {}, "Likeliest next"), this.next,
        h("form", { class: "row", onsubmit: typed }, h("label", { for: "type" }, "Your words"), this.type, h("button", {}, "Read")),
        h("div", { class: "row" }, this.more, this.stop)),
      h("div", {}, h("div", { class: "sliders" }, this.temperature.element, this.topK.element, this.topP.element, this.count.element,
        h("div", {}, h("label", { for: "seed" }, "Seed "), this.seed)),
      h("h2", {}, "Branches"), h("p", { class: "quiet" }, "Go back in the text, by click or arrows, and go on otherwise: another branch begins there."), this.branches)));
  }

  /** @param {string} text */
  async begin(text) {
    await this.tree.begin();
    if (text) await this.tree.read(text, 0);
    this.end();
  }

  /** @param {() => Promise<void>} work */
  async busy(work) {
    if (this.isBusy) return;
    this.isBusy = true;
    this.more.disabled = true;
    try {
      await work();
    } catch (error) {
      const isGone = error instanceof Refused && [404, 409, 410].includes(error.status);
      if (!this.signal.aborted) this.fail(isGone ? new Refused(error.status, "the server was started again: what was written is read again") : error);
      if (isGone) await this.again();
    }
    this.isBusy = false;
    this.more.disabled = false;
  }

  /** Begin again with the text of this branch, after the server has lost its sessions. */
  async again() {
    const text = words(this.tree.now.all);
    try {
      await ask("POST", `/studio/runs/${encodeURIComponent(this.facts.id)}/open`, undefined, this.signal);
      await this.begin(text);
    } catch (error) {
      this.fail(error);
    }
  }

  /** @param {string} text */
  async read(text) {
    await this.tree.read(text, this.caret);
    this.end();
  }

  async write() {
    const branch = await this.tree.at(this.caret);
    const draft = await this.tree.forked(branch); // the model writes there; the branch then reads it with its chances
    this.writing = new AbortController();
    this.signal.addEventListener("abort", () => this.writing?.abort());
    this.stop.hidden = false;
    let text = "";
    const pending = h("span", { class: "quiet" });
    this.draw();
    this.written.append(pending);
    try {
      for await (const piece of pieces(`/v1/sessions/${draft}/predict`, { prompt: "", ...this.how() }, this.writing.signal)) {
        if (piece.session) continue;
        text += piece.text ?? "";
        pending.textContent = text;
        this.written.scrollTop = this.written.scrollHeight;
      }
    } catch (error) {
      if (!(error instanceof DOMException && error.name === "AbortError")) throw error;
    } finally {
      this.stop.hidden = true;
    }
    if (text && !this.signal.aborted) await this.tree.read(text, this.caret);
    this.end();
    announce(text);
  }

  how() {
    /** @type {Record<string, number>} */
    const how = { length: this.count.value(), temperature: this.temperature.value() };
    if (this.topK.value()) how.top_k = this.topK.value();
    if (this.topP.value() < 1) how.top_p = this.topP.value();
    if (this.seed.value !== "") how.seed = Number(this.seed.value);
    return how;
  }

  keep() {
    const { temperature, top_k: k, top_p: p, length: n, seed } = this.how();
    keep({ text: words(this.tree.now.all).slice(0, LONGEST_KEPT), temperature, k, p, n, seed });
  }

  end() {
    this.caret = this.tree.now.all.length;
    this.keep();
    this.draw();
    this.written.scrollTop = this.written.scrollHeight;
  }

  draw() {
    const letters = this.tree.now.all;
    fill(this.written, letters.map(({ c, p }, number) => {
      const bits = -Math.log2(p);
      const level = BITS.filter((bound) => bits >= bound).length;
      return h("span", { class: `s${level} ${number + 1 === this.caret ? "caret" : ""}`, "data-at": number + 1, title: `${visible(c)} ${percent(p)}` }, c);
    }));
    this.point();
    this.drawTree();
  }

  /** Show what is likeliest at the caret. */
  point() {
    const letters = this.tree.now.all;
    const before = letters[this.caret - 1];
    const choices = (before ? before.next : this.tree.root?.last.slice(0, LIKELIEST)) ?? [];
    fill(this.next, choices.map(([letter, p]) => h("button", { onclick: () => this.busy(() => this.read(letter)), "aria-label": `${name(letter)}, ${percent(p)}` },
      h("span", {}, visible(letter)), h("meter", { min: "0", max: "1", value: p }), h("small", {}, percent(p)))));
    const each = letters.length ? bitsOf(letters) / letters.length : 0;
    const here = before ? `after ${name(before.c)} (${percent(before.p)})` : "at the beginning";
    this.said.textContent = `${letters.length} characters, ${shown(each)} bits each; ${here}`;
    this.written.querySelector(".caret")?.classList.remove("caret");
    this.written.querySelector(`[data-at="${this.caret}"]`)?.classList.add("caret");
  }

  drawTree() {
    /** @type {(branches: Branch[]) => HTMLElement[]} */
    const list = (branches) => branches.map((branch) => {
      const text = words(branch.letters);
      const isHere = this.tree.now.path.includes(branch);
      return h("li", {}, h("button", { "aria-current": isHere ? "true" : null, onclick: () => { this.tree.now = branch; this.end(); } },
        `${text.length > 40 ? `${text.slice(0, 18)} … ${text.slice(-18)}` : text || "(nothing)"} – ${shown(bitsOf(branch.letters) / (branch.letters.length || 1))} bits each`),
      branch.children.length ? h("ul", { class: "tree" }, list(branch.children)) : null);
    });
    fill(this.branches, this.tree.root ? list(this.tree.root.children) : null);
  }

  /** @param {KeyboardEvent} event */
  key(event) {
    const length = this.tree.now.all.length;
    const to = { ArrowLeft: this.caret - 1, ArrowRight: this.caret + 1, ArrowUp: this.caret - 20, ArrowDown: this.caret + 20, Home: 0, End: length }[event.key];
    if (to === undefined) return;
    event.preventDefault();
    this.caret = Math.max(0, Math.min(length, to));
    this.point();
    announce(this.said.textContent ?? "");
  }

  /** @param {MouseEvent} event */
  click(event) {
    const at = event.target instanceof HTMLElement ? event.target.dataset.at : undefined;
    if (at === undefined) return;
    this.caret = Number(at);
    this.point();
  }
}

/** @param {number} p */
function percent(p) {
  return p >= 0.01 ? `${Math.round(100 * p)} %` : `${(100 * p).toPrecision(1)} %`;
}

/** @param {string} letter */
function name(letter) {
  return { " ": "blank", "\n": "line break", "\t": "tab" }[letter] ?? letter;
}
