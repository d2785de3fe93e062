// Words, and what each looked at: point at one, or go to it by Tab or arrows, and the others are shaded by its shares.

import { fill, h } from "./dom.js";

const LEVELS = 8;

/**
 * Return how strongly something is shaded, from 0 to 8, for a share among shares.
 * @param {number} share
 * @param {number} most
 */
export function level(share, most) {
  return most > 0 ? Math.round((LEVELS * share) / most) : 0;
}

/**
 * Return words of which one is chosen at a time, as buttons of which Tab stops at one.
 * @param {string} label
 * @param {string[]} words
 * @param {(at: number) => void} chosen
 * @returns {{element: HTMLElement, choose: (at: number) => void}}
 */
export function chooser(label, words, chosen) {
  /** @type {HTMLButtonElement[]} */
  const parts = words.map((word, at) => h("button", { type: "button", class: "word", tabindex: at ? "-1" : "0", "aria-pressed": "false",
    onclick: () => choose(at), onpointerenter: () => choose(at), onfocus: () => choose(at),
    onkeydown: (/** @type {KeyboardEvent} */ event) => {
      const to = { ArrowLeft: at - 1, ArrowRight: at + 1, Home: 0, End: words.length - 1 }[event.key];
      if (to === undefined || !parts[to]) return;
      event.preventDefault();
      parts[to].focus();
    } }, word));
  const choose = (/** @type {number} */ at) => {
    parts.forEach((part, other) => { part.setAttribute("aria-pressed", String(other === at)); part.tabIndex = other === at ? 0 : -1; });
    chosen(at);
  };
  return { element: h("div", { class: "words", role: "group", "aria-label": label }, parts), choose };
}

/**
 * Return a translation over its sentence: the piece that is chosen shades the pieces that it looked at.
 * @param {{read: string[], written: string[], shares: number[][]}} looked
 */
export function alignment({ read, written, shares }) {
  const below = h("div", { class: "words" });
  const said = h("p", { class: "quiet", role: "status" });
  const show = (/** @type {number} */ at) => {
    const row = shares[at];
    const most = Math.max(...row);
    fill(below, read.map((word, other) => h("span", { class: `word l${level(row[other], most)}`, title: `${Math.round(100 * row[other])} %` }, word)));
    const first = row.indexOf(most);
    said.textContent = `“${written[at]}” looked most at “${read[first]}”, ${Math.round(100 * most)} %`;
  };
  const { element, choose } = chooser("pieces of the translation", written, show);
  choose(0);
  return h("div", { class: "looks" }, element, below, said, h("details", {}, h("summary", {}, "All of it"), grid({ read, written, shares })));
}

/**
 * Return all shares as a table of shades.
 * @param {{read: string[], written: string[], shares: number[][]}} looked
 */
function grid({ read, written, shares }) {
  const most = Math.max(...shares.flat());
  return h("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": "what each piece looked at" }, h("table", { class: "shades" },
    h("thead", {}, h("tr", {}, h("td", {}), read.map((word) => h("th", { scope: "col" }, word)))),
    h("tbody", {}, written.map((word, at) => h("tr", {}, h("th", { scope: "row" }, word),
      shares[at].map((share) => h("td", { class: `l${level(share, most)}` }, String(Math.round(100 * share)))))))));
}
