// Look for titles, build a session of them, and see what it wants next and why.

import { buttons, LastQuestion, reading } from "../lib/asking.js";
import { keep } from "../lib/address.js";
import { announce, fill, h, settled, shown } from "../lib/dom.js";
import { slider } from "../lib/slider.js";

/** @typedef {{id: string, title: string}} Item */

const MOST_FOUND = 12;
const SETTLED_MILLISECONDS = 150;
const REASONS = 3;

/** @type {import("./use.js").ShowUse} */
export async function show({ main, query, facts, signal, fail }) {
  const page = new RecommendPage(main, query, facts, signal, fail);
  await page.look();
}

class RecommendPage {
  /**
   * @param {HTMLElement} main
   * @param {URLSearchParams} query
   * @param {any} facts
   * @param {AbortSignal} signal
   * @param {(error: unknown) => void} fail
   */
  constructor(main, query, facts, signal, fail) {
    this.question = new LastQuestion(facts.id, signal);
    this.fail = fail;
    this.button = buttons(fail);
    const { number, text, tick } = reading(query);
    this.items = /** @type {Item[]} */ ((facts.names.items ?? []).map((/** @type {any} */ row) => ({ id: String(row.id), title: String(row.title ?? row.id) })));
    this.titles = new Map(this.items.map(({ id, title }) => [id, title]));
    /** @type {string[]} ids */
    this.session = query.has("item") ? query.getAll("item") : (facts.question.session ?? []).map((/** @type {string} */ title) => this.items.find((item) => item.title === title)?.id ?? title);
    const again = settled(SETTLED_MILLISECONDS, () => this.look().catch(fail));
    this.search = h("input", { id: "search", type: "search", value: text("search"), autocomplete: "off", class: "wide", placeholder: "a title, or a part of one",
      oninput: settled(SETTLED_MILLISECONDS, () => this.find()) });
    this.found = h("ul", { class: "plain", "aria-label": "titles that were found" });
    this.count = slider("How many", { min: 1, max: 50, step: 1, value: number("k", 10) }, again);
    this.leave = h("input", { id: "leave", type: "checkbox", checked: tick("leave"), onchange: again });
    this.list = h("ol", { class: "plain", "aria-label": "the session" });
    this.wanted = h("ol", { class: "wanted", "aria-label": "recommended" });
    this.notice = h("p", { class: "problem" });
    const submit = (/** @type {Event} */ event) => { event.preventDefault(); this.addTyped(); };
    fill(main, h("div", { class: "two" },
      h("section", {}, h("h2", {}, "The session"), h("form", { class: "row", role: "search", onsubmit: submit },
        h("label", { for: "search" }, "Search"), this.search, h("button", {}, "Add")), this.found, this.list,
      h("div", { class: "row" }, this.button("Clear", () => this.put([])))),
      h("section", {}, h("h2", {}, "What it wants next"), h("div", { class: "sliders" }, this.count.element,
        h("div", { class: "tick" }, this.leave, h("label", { for: "leave" }, "leave out what it has had"))), this.notice, this.wanted)));
    this.find();
  }

  /** @param {string} id */
  title(id) {
    return this.titles.get(id) ?? id;
  }

  find() {
    const words = this.search.value.trim().toLowerCase().split(/\s+/).filter(Boolean);
    const found = words.length ? this.items.filter(({ title }) => words.every((word) => title.toLowerCase().includes(word))) : [];
    fill(this.found, found.slice(0, MOST_FOUND).map(({ id, title }) => h("li", {}, this.button(`+ ${title}`, () => this.add(id), { "aria-label": `add ${title}` }))),
      words.length && !found.length ? h("li", { class: "quiet" }, "No title has these words; Add asks for the nearest one.") : null,
      found.length > MOST_FOUND ? h("li", { class: "quiet" }, `and ${shown(found.length - MOST_FOUND)} more`) : null);
    if (words.length) announce(`${found.length} found`);
    this.keep();
  }

  /** Add what was typed: the first that was found, or, by its words, whatever the server takes for the nearest. */
  addTyped() {
    const first = this.found.querySelector("button");
    if (first) first.click();
    else if (this.search.value.trim()) this.add(this.search.value.trim());
  }

  /** @param {string} id */
  add(id) {
    this.search.value = "";
    this.find();
    this.search.focus();
    return this.put([...this.session, id]);
  }

  /** @param {string[]} session */
  put(session) {
    this.session = session;
    return this.look();
  }

  keep() {
    keep({ item: this.session, search: this.search.value, k: this.count.value(), leave: this.leave.checked ? 1 : "" });
  }

  drawSession() {
    fill(this.list, this.session.map((id, at) => h("li", {}, h("span", {}, this.title(id)),
      this.button("×", () => this.put(this.session.filter((_, other) => other !== at)), { class: "small", "aria-label": `take ${this.title(id)} out` }))));
    if (!this.session.length) fill(this.list, h("li", { class: "quiet" }, "Nothing yet: search a title and add it."));
  }

  async look() {
    this.keep();
    this.drawSession();
    this.notice.textContent = "";
    if (!this.session.length) {
      fill(this.wanted);
      return;
    }
    const { session } = this;
    const asked = { session, k: Math.min(this.count.value(), Math.max(1, this.items.length || 50)), exclude_seen: this.leave.checked, explain: true };
    let told;
    try {
      told = await this.question.predict(asked);
    } catch (error) {
      fill(this.wanted);
      throw error;
    }
    if (!told) return;
    this.notice.textContent = (told.notices ?? []).join("; ");
    this.drawWanted(told.items);
    announce(`${told.items.length} recommended, first ${told.items[0]?.title ?? "none"}`);
  }

  /** @param {any[]} items */
  drawWanted(items) {
    const best = Math.max(...items.map(({ score }) => score));
    const worst = Math.min(...items.map(({ score }) => score));
    fill(this.wanted, items.map(({ item, title, score, because }) => h("li", {},
      h("div", { class: "row" }, this.button(title, () => this.put([...this.session, item]), { "aria-label": `add ${title} to the session` }),
        h("meter", { min: "0", max: "1", value: best > worst ? (score - worst) / (best - worst) : 1, "aria-label": "score, from the last of this list to the first" }), h("span", { class: "quiet" }, shown(score))),
      because?.length ? h("p", { class: "help" }, "because of ", because.slice(0, REASONS).map((/** @type {any} */ reason, /** @type {number} */ at) =>
        `${at ? ", " : ""}${reason.title} (${reason.moved >= 0 ? "+" : "−"}${shown(Math.abs(reason.moved))})`)) : null)));
  }
}
