// The frame of the page: which page an address names, the token, and errors in one line.

import { Refused } from "./lib/api.js";
import { here, to } from "./lib/address.js";
import { announce, fill, h } from "./lib/dom.js";

/**
 * @typedef {object} Page what a page is given
 * @property {HTMLElement} main where it puts itself
 * @property {string[]} path the parts of the address after the page's name
 * @property {URLSearchParams} query its state
 * @property {AbortSignal} signal says when the reader has left
 * @property {(error: unknown) => void} fail shows an error in one line
 */
/** @typedef {(page: Page) => Promise<void> | void} Show */

/** @type {Record<string, () => Promise<{show: Show}>>} */
const PAGES = {
  "": () => import("./pages/home.js"),
  train: () => import("./pages/train.js"),
  run: () => import("./pages/run.js"),
  use: () => import("./pages/use.js"),
  inside: () => import("./pages/inside.js"),
  learn: () => import("./pages/learn.js"),
};
const NAVIGATION = [["", "Runs"], ["train", "Train"], ["learn", "Gradients"]];
const TOKEN = /^#token=([\w.~+/=-]{22,200})$/;

let leaving = new AbortController();

async function turn() {
  leaving.abort();
  leaving = new AbortController();
  const { signal } = leaving;
  const main = /** @type {HTMLElement} */ (document.getElementById("main"));
  const { path: [name = "", ...path], query } = here();
  navigate(name);
  const fail = (/** @type {unknown} */ error) => {
    if (!signal.aborted) complain(main, error);
  };
  fill(main, h("p", { class: "quiet" }, "…"));
  try {
    const load = PAGES[name];
    if (!load) throw new Refused(404, "there is no such page");
    const { show } = await load();
    if (!signal.aborted) await show({ main, path, query, signal, fail });
  } catch (error) {
    fail(error);
  }
}

/** @param {string} current */
function navigate(current) {
  const nav = /** @type {HTMLElement} */ (document.getElementById("nav"));
  fill(nav, NAVIGATION.map(([name, words]) =>
    h("a", { href: to(name ? [name] : []), "aria-current": name === current ? "page" : null }, words)));
}

/**
 * Show why something cannot be done; where a token is missing, ask for it.
 * @param {HTMLElement} main
 * @param {unknown} error
 */
function complain(main, error) {
  const words = error instanceof Error ? error.message : String(error);
  if (!(error instanceof Refused)) console.error(error);
  if (error instanceof Refused && error.status === 401) {
    fill(main, entrance());
    return;
  }
  document.querySelector(".problem.now")?.remove();
  const waits = main.childElementCount === 1 && main.textContent === "…";
  const line = h("p", { class: "problem now", role: "alert" }, words);
  if (waits) fill(main, line, h("p", {}, h("a", { href: to([]) }, "All runs")));
  else main.prepend(line);
  setTimeout(() => line.isConnected && !waits && line.remove(), 12_000);
}

function entrance() {
  const input = h("input", { id: "token", type: "password", autocomplete: "off" });
  const enterWith = async (/** @type {Event} */ event) => {
    event.preventDefault();
    if (await entered(input.value.trim())) turn();
    else announce("This token is not known.");
  };
  return h("form", { class: "card narrow", onsubmit: enterWith },
    h("h1", {}, "A token, please"),
    h("p", {}, "This studio asks for one of the tokens in its token file."),
    h("label", { for: "token" }, "Token"), input, h("button", {}, "Enter"));
}

/** @param {string} token */
async function entered(token) {
  try {
    const answer = await fetch("/studio/enter", { method: "POST", headers: { Authorization: `Bearer ${token}` } });
    return answer.ok;
  } catch {
    return false;
  }
}

async function begin() {
  const given = TOKEN.exec(location.hash);
  if (given) {
    await entered(given[1]);
    history.replaceState(null, "", "#/"); // a token stays in no history
  }
  document.getElementById("skip")?.addEventListener("click", (event) => {
    event.preventDefault(); // the address is the page's state
    document.getElementById("main")?.focus();
  });
  addEventListener("hashchange", turn);
  addEventListener("unhandledrejection", (event) => {
    if (event.reason?.name !== "AbortError") complain(/** @type {HTMLElement} */ (document.getElementById("main")), event.reason);
    event.preventDefault();
  });
  await turn();
  performance.mark("usable");
}

begin();
