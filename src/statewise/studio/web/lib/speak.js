// Answers said aloud, by voices of this machine alone: a voice of a distant server would be told what is said.

import { h } from "./dom.js";

/**
 * @param {URLSearchParams} query
 * @param {() => void} changed
 */
export function spoken(query, changed) {
  const input = h("input", { id: "aloud", type: "checkbox", checked: query.get("aloud") === "1", onchange: () => { changed(); if (!input.checked) window.speechSynthesis?.cancel(); } });
  const element = "speechSynthesis" in window ? h("div", { class: "tick" }, input, h("label", { for: "aloud" }, "say answers aloud")) : null;
  const say = (/** @type {string} */ words) => {
    if (!input.checked || !element) return;
    const voice = speechSynthesis.getVoices().find((each) => each.localService);
    if (!voice) return;
    const utterance = new SpeechSynthesisUtterance(words);
    utterance.voice = voice;
    speechSynthesis.cancel();
    speechSynthesis.speak(utterance);
  };
  return { element, say, isOn: () => input.checked };
}
