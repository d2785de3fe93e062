// What pages do again and again: buttons whose work may fail, and questions of which only the last one counts.

import { ask } from "./api.js";
import { h } from "./dom.js";

/**
 * Return what makes buttons; where their work fails, `fail` says it.
 * @param {(error: unknown) => void} fail
 * @returns {(words: string, work: () => unknown, more?: Record<string, any>) => HTMLButtonElement}
 */
export function buttons(fail) {
  return (words, work, more = {}) => h("button", {
    type: "button", ...more, onclick: async () => {
      try {
        await work();
      } catch (error) {
        fail(error);
      }
    } }, words);
}

/** Questions to a model, of which a new one takes the place of the one before. */
export class LastQuestion {
  /**
   * @param {string} model
   * @param {AbortSignal} signal
   */
  constructor(model, signal) {
    this.model = model;
    this.signal = signal;
    this.turn = new AbortController();
    signal.addEventListener("abort", () => this.turn.abort());
  }

  /**
   * Return what `predict` answers as JSON; nothing where another question came meanwhile, or the page was left.
   * @param {Record<string, any>} question
   * @returns {Promise<any>}
   */
  async predict(question) {
    this.turn.abort();
    const turn = this.turn = new AbortController();
    try {
      return await ask("POST", "/v1/predict", { model: this.model, ...question }, turn.signal);
    } catch (error) {
      if (turn.signal.aborted || this.signal.aborted) return undefined;
      throw error;
    }
  }
}

/**
 * Return what reads numbers, words and ticks out of an address, each with what is usual.
 * @param {URLSearchParams} query
 */
export function reading(query) {
  return {
    number: (/** @type {string} */ name, /** @type {number} */ usual) => {
      const value = Number(query.get(name) ?? NaN);
      return Number.isFinite(value) ? value : usual;
    },
    text: (/** @type {string} */ name, /** @type {string} */ usual = "") => query.get(name) ?? usual,
    tick: (/** @type {string} */ name) => query.get(name) === "1",
  };
}
