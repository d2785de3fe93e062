// A live session over a WebSocket: pieces of sound, frames and strokes go one after another, each answered in order.

import { ask, Refused } from "./api.js";

export class LiveSocket {
  /**
   * Begin a session and open its socket.
   * @param {string} model
   * @param {Record<string, any>} settings
   * @param {AbortSignal} signal
   */
  static async open(model, settings, signal) {
    const begun = { model, live: true, ...(Object.keys(settings).length ? { settings } : {}) };
    const { session } = await ask("POST", "/v1/sessions", begun, signal);
    const address = new URL(`/v1/sessions/${session}/stream`, location.href);
    address.protocol = address.protocol.replace("http", "ws");
    const socket = new WebSocket(address);
    signal.addEventListener("abort", () => socket.close());
    await new Promise((done, failed) => {
      socket.onopen = done;
      socket.onerror = () => failed(new Refused(0, "the studio does not answer: is it running?"));
    });
    return new LiveSocket(socket, signal);
  }

  /**
   * @param {WebSocket} socket
   * @param {AbortSignal} signal
   */
  constructor(socket, signal) {
    this.socket = socket;
    /** @type {{done: (told: any) => void, failed: (error: unknown) => void}[]} those that wait for an answer */
    this.waiting = [];
    socket.onmessage = ({ data }) => {
      const told = JSON.parse(data);
      const first = this.waiting.shift();
      if (told.error) first?.failed(new Refused(told.error.status ?? 400, told.error.message));
      else first?.done(told);
    };
    socket.onclose = () => {
      for (const { failed } of this.waiting.splice(0)) failed(new Refused(0, "the connection to the studio was cut"));
    };
    signal.addEventListener("abort", () => this.close());
  }

  /**
   * Send an input, or bytes, and return what is answered.
   * @param {any} input
   * @returns {Promise<any>}
   */
  push(input) {
    if (this.socket.readyState !== WebSocket.OPEN) return Promise.reject(new Refused(0, "the connection to the studio was cut"));
    this.socket.send(input instanceof ArrayBuffer ? input : JSON.stringify({ input }));
    return new Promise((done, failed) => this.waiting.push({ done, failed }));
  }

  close() {
    this.socket.onclose = null;
    this.socket.close();
    for (const { failed } of this.waiting.splice(0)) failed(new DOMException("the page was left", "AbortError"));
  }
}
