// A conversation on a page: what a person says, what is answered, and the last of both taken back with the state.

import { Chain } from "./chain.js";
import { announce, fill, h } from "./dom.js";

/**
 * @typedef {object} How
 * @property {string} model
 * @property {AbortSignal} signal
 * @property {(error: unknown) => void} fail
 * @property {string} label what is typed
 * @property {string} [placeholder]
 * @property {(text: string) => any} [read] what is sent of what was typed
 * @property {(answer: any) => string} words an answer in words
 * @property {(answer: any) => (Node | null)} [more] what is shown under an answer
 * @property {() => Record<string, any> | undefined} [settings]
 * @property {(answers: any[], said: string[]) => void} [changed] after each turn, and after one is taken back
 */

export class Talk {
  /** @param {How} how */
  constructor(how) {
    this.how = how;
    this.chain = new Chain(how.model, how.signal);
    /** @type {any[]} */
    this.answers = [];
    /** @type {string[]} */
    this.said = [];
    this.isBusy = false;
    this.list = h("ol", { class: "talk" });
    this.input = h("input", { id: "line", type: "text", autocomplete: "off", placeholder: how.placeholder ?? "" });
    this.send = h("button", {}, "Send");
    this.back = h("button", { type: "button", disabled: true, onclick: () => this.takeBack() }, "Take the last one back");
    const submit = (/** @type {Event} */ event) => { event.preventDefault(); this.submit().catch(how.fail); };
    this.element = h("div", {}, this.list, h("form", { class: "row", onsubmit: submit },
      h("label", { for: "line" }, how.label), this.input, this.send, this.back));
  }

  async submit() {
    const text = this.input.value;
    if (this.isBusy || (!text.trim() && !this.how.read)) return;
    this.input.value = ""; // at once: what is typed meanwhile is the next line
    this.input.focus();
    if (!await this.say(text) && !this.input.value) this.input.value = text;
  }

  /**
   * Say something, and show what is answered; return whether it was.
   * @param {string} text
   */
  async say(text) {
    const { how } = this;
    this.busy(true);
    const mine = h("p", { class: "mine" }, text);
    const item = h("li", {}, mine, h("p", { class: "quiet" }, "…"));
    this.list.append(item);
    item.scrollIntoView({ block: "nearest" });
    try {
      const told = await this.chain.push(how.read ? how.read(text) : text, how.settings?.());
      const words = how.words(told.answer);
      fill(item, mine, h("p", {}, words), ...(told.notices ?? []).map((notice) => h("p", { class: "problem" }, notice)), how.more?.(told.answer) ?? null);
      this.answers.push(told.answer);
      this.said.push(text);
      announce(words);
      how.changed?.(this.answers, this.said);
      item.scrollIntoView({ block: "nearest" });
      return true;
    } catch (error) {
      item.remove();
      if (how.signal.aborted) return false;
      how.fail(error);
      return false;
    } finally {
      this.busy(false);
    }
  }

  takeBack() {
    if (this.isBusy || !this.said.length) return;
    this.chain.back();
    this.answers.pop();
    const words = this.said.pop() ?? "";
    this.list.lastElementChild?.remove();
    this.busy(false);
    if (!this.input.value) this.input.value = words; // to be said otherwise
    announce("The last one is taken back.");
    this.how.changed?.(this.answers, this.said);
  }

  clear() {
    this.chain.clear();
    this.answers = [];
    this.said = [];
    fill(this.list);
    this.busy(false);
    this.how.changed?.(this.answers, this.said);
  }

  /** @param {boolean} isBusy */
  busy(isBusy) {
    this.isBusy = isBusy;
    this.send.disabled = isBusy;
    this.back.disabled = isBusy || !this.said.length;
  }
}
