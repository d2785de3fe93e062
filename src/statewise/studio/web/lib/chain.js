// A live session as a chain of forks: each input is read by a fork, so what was before it is still there to go back to.

import { ask, ofRun, Refused } from "./api.js";

/** @typedef {{answer: any, notices?: string[]}} Told */

const LOST = [404, 410];

export class Chain {
  /**
   * @param {string} model
   * @param {AbortSignal} signal
   * @param {Record<string, any>} [settings] with which a session begins
   */
  constructor(model, signal, settings = {}) {
    this.model = model;
    this.signal = signal;
    this.settings = settings;
    /** @type {string[]} one more than there are inputs */
    this.sessions = [];
    /** @type {any[]} */
    this.inputs = [];
  }

  get length() {
    return this.inputs.length;
  }

  /**
   * Let the model read an input, and return what it says; a session that a server lost is read again first.
   * @param {any} input
   * @param {Record<string, any>} [settings] of this input alone
   * @returns {Promise<Told>}
   */
  async push(input, settings) {
    try {
      return await this.pushed(input, settings);
    } catch (error) {
      if (!(error instanceof Refused) || !LOST.includes(error.status)) throw error;
    }
    await ask("POST", ofRun(this.model, "/open"), undefined, this.signal);
    const before = this.inputs;
    this.clear();
    for (const each of before) await this.pushed(each, settings);
    return this.pushed(input, settings);
  }

  /**
   * @param {any} input
   * @param {Record<string, any>} [settings]
   * @returns {Promise<Told>}
   */
  async pushed(input, settings) {
    if (!this.sessions.length) {
      const begun = { model: this.model, live: true, ...(Object.keys(this.settings).length ? { settings: this.settings } : {}) };
      this.sessions.push((await ask("POST", "/v1/sessions", begun, this.signal)).session);
    }
    const last = this.sessions[this.sessions.length - 1];
    const next = (await ask("POST", `/v1/sessions/${last}/fork`, undefined, this.signal)).session;
    const told = await ask("POST", `/v1/sessions/${next}/step`, { input, ...(settings ? { settings } : {}) }, this.signal);
    this.sessions.push(next);
    this.inputs.push(input);
    return told;
  }

  /** Go back to the state before the last input. */
  back() {
    if (!this.inputs.length) return;
    this.sessions.pop();
    this.inputs.pop();
  }

  clear() {
    this.sessions = [];
    this.inputs = [];
  }
}
