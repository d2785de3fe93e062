// A run's events as they come: after a cut they go on from the last one that was read, and none comes twice.

import { ofRun } from "./api.js";

const KINDS = ["started", "updated", "rolledback", "sampled", "checked", "stopped", "saved", "finished"];
const FIRST_WAIT = 500;
const LONGEST_WAIT = 10_000;

/**
 * Follow the events of a run until `signal` says stop.
 * @param {string} name
 * @param {{
 *   event: (kind: string, content: any) => void,
 *   state: (content: any) => void,
 *   reset: () => void,
 *   gone: (message: string) => void,
 *   connected: (isConnected: boolean) => void,
 * }} hear
 * @param {AbortSignal} signal
 */
export function follow(name, hear, signal) {
  let last = "";
  let wait = FIRST_WAIT;
  /** @type {EventSource | undefined} */
  let source;
  /** @type {number | undefined} */
  let waiting;

  function connect() {
    if (signal.aborted) return;
    source = new EventSource(ofRun(name, `/events${last ? `?after=${encodeURIComponent(last)}` : ""}`));
    source.onopen = () => {
      wait = FIRST_WAIT;
      hear.connected(true);
    };
    // A browser gives up after an answer that is no stream: so every end is answered by a new source.
    source.onerror = () => {
      source?.close();
      hear.connected(false);
      clearTimeout(waiting);
      waiting = setTimeout(connect, wait);
      wait = Math.min(2 * wait, LONGEST_WAIT);
    };
    for (const kind of KINDS) {
      source.addEventListener(kind, (message) => {
        last = message.lastEventId;
        hear.event(kind, JSON.parse(message.data));
      });
    }
    source.addEventListener("reset", (message) => {
      last = message.lastEventId;
      hear.reset();
    });
    source.addEventListener("state", (message) => hear.state(JSON.parse(message.data)));
    source.addEventListener("gone", (message) => {
      source?.close();
      hear.gone(JSON.parse(message.data).message);
    });
  }

  signal.addEventListener("abort", () => {
    clearTimeout(waiting);
    source?.close();
  });
  connect();
}
