// A run while it is trained and after: live curves, samples, events, report; several runs compared.

import { ask, ofRun, Refused } from "../lib/api.js";
import { here, keep, to } from "../lib/address.js";
import { Curve } from "../lib/curve.js";
import { announce, fill, h, inWords, shown } from "../lib/dom.js";
import { follow } from "../lib/events.js";
import { Told } from "../lib/told.js";
import { badge, progress, score } from "./home.js";

const MOST_COMPARED = 4;

/** @type {import("../main.js").Show} */
export async function show({ main, path, query, signal, fail }) {
  const [name] = path;
  document.title = `${name} – statewise studio`;
  const names = [name, ...query.getAll("with").filter((other) => other !== name)].slice(0, MOST_COMPARED);
  const run = await ask("GET", ofRun(name), undefined, signal);
  const all = names.map((each) => new Told(each));
  const view = new View(main, run, all, query, fail);
  signal.addEventListener("abort", () => view.close());
  all.forEach((told, number) => {
    follow(told.name, {
      event: (kind, content) => {
        told.tell(kind, content);
        view.later();
        if (number === 0 && kind === "finished") announce(`${name} is finished.`);
      },
      state: (state) => { if (number === 0) view.at(state); },
      reset: () => { told.clear(); view.later(); },
      gone: (message) => fail(new Refused(404, `${told.name}: ${message}`)),
      connected: (isConnected) => { if (number === 0) view.connected(isConnected); },
    }, signal);
  });
}

class View {
  /**
   * @param {HTMLElement} main
   * @param {any} run
   * @param {Told[]} all
   * @param {URLSearchParams} query
   * @param {(error: unknown) => void} fail
   */
  constructor(main, run, all, query, fail) {
    this.run = run;
    this.all = all;
    this.fail = fail;
    this.state = run.state;
    this.loss = new Curve("Training loss");
    this.score = new Curve("Score on the held-out part");
    this.speed = new Curve("Speed (places a second)");
    this.top = h("div", { class: "head" });
    this.line = h("div");
    this.sample = h("div");
    this.events = h("div");
    this.report = h("div");
    this.waiting = 0;
    this.picked = -1;
    /** What was drawn last of each part, so that nothing is drawn again without a change. */
    this.headed = "";
    this.sampled = "";
    this.evented = "";
    /** @type {any} */
    this.reported = undefined;
    this.isCut = false;
    /** @type {any} */
    this.process = undefined;
    const smoothing = h("input", { id: "smooth", type: "range", min: "0", max: "0.5", step: "0.01", value: query.get("smooth") ?? "0",
      oninput: () => { this.keep(); this.later(); } });
    this.smoothing = smoothing;
    fill(main, this.top, this.line,
      h("div", { class: "row" }, h("label", { for: "smooth" }, "Smooth"), smoothing, this.comparing()),
      h("div", { class: "charts" }, this.loss.element, this.score.element, this.speed.element),
      h("section", {}, h("h2", {}, "Samples"), this.sample), this.report,
      h("section", {}, h("h2", {}, "Events"), this.events), this.settings());
    this.at({ state: run.state, process: run.process });
  }

  keep() {
    const value = Number(this.smoothing.value);
    keep({ with: here().query.getAll("with"), smooth: value || "" });
  }

  comparing() {
    const input = h("select", { id: "with", onchange: () => {
      const others = [...here().query.getAll("with"), input.value];
      location.hash = to(["run", this.run.name], { with: others });
    } }, h("option", { value: "" }, "compare with …"));
    ask("GET", "/studio/runs").then(({ runs }) => {
      const known = this.all.map(({ name }) => name);
      input.append(...runs.filter((/** @type {any} */ other) => other.last && !known.includes(other.name)).map((/** @type {any} */ other) => h("option", { value: other.name }, other.name)));
    }).catch(this.fail);
    const shownRuns = this.all.length > 1 ? h("span", { class: "legend" }, this.all.map(({ name }, number) =>
      h("span", { class: `key key-${number + 1}` }, name)), h("a", { href: to(["run", this.run.name]) }, "this run alone")) : null;
    return h("span", { class: "row" }, h("label", { for: "with", class: "unseen" }, "Compare with"), input, shownRuns);
  }

  settings() {
    const { settings = {}, data = {}, parameters, path } = this.run;
    const rows = (/** @type {Record<string, any>} */ of) => h("dl", { class: "pairs" }, Object.entries(of)
      .filter(([, value]) => value !== null && value !== "" && !(Array.isArray(value) && !value.length))
      .flatMap(([name, value]) => [h("dt", {}, inWords(name)), h("dd", {}, typeof value === "object" ? JSON.stringify(value) : String(value))]));
    return h("details", {}, h("summary", {}, "Settings and data"), rows({ path, parameters, ...settings }), h("h2", { class: "small" }, "Data"), rows(data));
  }

  /** @param {any} told */
  at(told) {
    const isOver = told.state === "ended";
    this.state = isOver ? (this.all[0].report ? "finished" : "stopped") : told.state;
    this.process = told.process;
    if (!this.run.settings && this.state !== "preparing" && this.state !== "failed") dispatchEvent(new Event("hashchange")); // it is made
    this.later();
  }

  /** @param {boolean} isConnected */
  connected(isConnected) {
    this.top.classList.toggle("cut", !isConnected);
    this.isCut = !isConnected;
    this.later();
  }

  later() {
    if (this.waiting) return;
    this.waiting = setTimeout(() => {
      this.waiting = 0;
      this.draw();
    }, 100);
  }

  draw() {
    const [told] = this.all;
    if (this.state === "ended" || this.state === "stopped" || this.state === "finished") this.state = told.report ? "finished" : this.state;
    this.head(told);
    const metric = told.metric ?? "";
    const series = (/** @type {(told: Told) => {xs: number[], ys: (number | null)[]}} */ of) => this.all.map((each) => ({ name: each.name, ...of(each) }));
    for (const curve of [this.loss, this.score, this.speed]) curve.smoothing = curve === this.score ? 0 : Number(this.smoothing.value);
    this.loss.series = series((each) => ({ xs: each.updates, ys: each.nats }));
    this.speed.series = series((each) => ({ xs: each.timed, ys: each.speed }));
    this.score.series = series((each) => each.scores(metric)).map((each) => ({ ...each, dots: true }));
    this.score.element.hidden = !metric;
    const [, title] = [this.score.element.querySelector("h2"), metric ? inWords(metric) : "Score"];
    if (this.score.element.firstChild) this.score.element.firstChild.textContent = `${title}, on the held-out part`;
    this.score.title = title;
    this.score.span = [0, Math.max(1, ...this.all.map((each) => each.last?.update ?? 0))]; // one score is not an axis of its own
    this.score.levels = Object.entries(told.report?.baselines ?? {})
      .filter(([, of]) => of[metric] !== undefined).map(([name, of]) => ({ name, value: of[metric] }));
    for (const curve of [this.loss, this.score, this.speed]) curve.later();
    this.drawSamples(told);
    this.drawEvents(told);
    this.drawReport(told);
  }

  /** @param {Told} told */
  head(told) {
    const { name } = this.run;
    const isGoing = this.state === "training" || this.state === "preparing";
    const button = isGoing
      ? h("button", { onclick: () => this.act("stop", "It saves and stops.") }, "Stop and save")
      : this.state === "stopped" ? h("button", { onclick: () => this.act("resume", "Training goes on.") }, "Resume") : null;
    const words = `${this.state} ${this.isCut}`;
    if (this.headed !== words) {
      this.headed = words;
      fill(this.top, h("h1", {}, name), badge(this.state), this.isCut ? h("span", { class: "badge cut" }, "no connection, trying again") : null, button,
        told.last || this.run.last ? h("a", { class: "button", href: to(["use", name]) }, "Use") : null,
        told.last || this.run.last ? h("a", { class: "button", href: to(["inside", name]) }, "Inside") : null);
    }
    const said = this.process?.said;
    const isBroken = this.state === "stopped" && ![0, 129, 130, 143, null, undefined].includes(this.process?.code);
    fill(this.line,
      this.run.task ? h("p", { class: "quiet" }, `${this.run.task} · ${told.last ? `update ${shown(told.last.update)}, loss ${shown(told.last.nats)}` : "no update yet"}`) : null,
      this.state === "training" && told.last ? progress(told.last) : null,
      this.state === "preparing" ? h("p", {}, "It reads its data.") : null,
      this.state === "failed" ? h("p", { class: "problem", role: "alert" }, said || "it ended without a word") : null,
      isBroken ? h("p", { class: "problem", role: "alert" }, said) : null,
      this.state === "failed" ? h("button", { onclick: () => this.act("forget", "It is forgotten.", to([])) }, "Forget it") : null,
      this.process?.command ? h("code", { class: "command", tabindex: "0" }, this.process.command) : null,
      this.run.warning ? h("p", { class: "problem" }, this.run.warning) : null);
  }

  /**
   * @param {string} verb
   * @param {string} words
   * @param {string} [then]
   */
  async act(verb, words, then) {
    try {
      await ask("POST", ofRun(this.run.name, `/${verb}`));
      announce(words);
      if (then) location.hash = then;
    } catch (error) {
      this.fail(error);
    }
  }

  /** @param {Told} told */
  drawSamples({ samples }) {
    const key = `${samples.length} ${this.picked}`;
    if (this.sampled === key) return;
    this.sampled = key;
    if (!samples.length) {
      fill(this.sample, h("p", { class: "quiet" }, "Nothing yet."));
      return;
    }
    const at = this.picked >= 0 && this.picked < samples.length ? this.picked : samples.length - 1;
    const show = h("pre", { class: "sample large", tabindex: "0", role: "region", "aria-label": `sample at update ${samples[at].update}` }, samples[at].sample.trim() || "(blank)");
    const range = h("input", { id: "sample", type: "range", min: "0", max: String(samples.length - 1), value: String(at),
      oninput: () => { this.picked = Number(range.value); words.textContent = `update ${shown(samples[this.picked].update)}`; show.textContent = samples[this.picked].sample.trim() || "(blank)"; } });
    const words = h("span", { class: "quiet" }, `update ${shown(samples[at].update)}`);
    fill(this.sample, samples.length > 1 ? h("div", { class: "row" }, h("label", { for: "sample" }, "From first to last"), range, words) : null, show);
  }

  /** @param {Told} told */
  drawEvents({ events }) {
    const last = events[events.length - 1];
    const key = `${events.length} ${last?.update} ${last?.kind}`;
    if (this.evented === key) return;
    this.evented = key;
    fill(this.events, h("ol", { class: "events", reversed: true }, [...events].reverse().map(({ kind, update, words }) =>
      h("li", { class: kind === "rolledback" || kind === "no number" ? "problem" : "" }, `update ${shown(update)}: ${words}`))));
  }

  /** @param {Told} told */
  drawReport({ report }) {
    if (this.reported === report) return;
    this.reported = report;
    if (!report) {
      fill(this.report);
      return;
    }
    const names = Object.keys(report.metrics);
    const row = (/** @type {string} */ title, /** @type {any} */ of) => h("tr", {}, h("th", { scope: "row" }, title), names.map((name) => h("td", {}, shown(of[name]))));
    const main = table(["", ...names.map(inWords)], [row("this model", report.metrics), ...Object.entries(report.baselines).map(([title, of]) => row(title, of))]);
    const more = Object.entries(report.tables ?? {}).map(([title, rows]) => {
      const columns = [...new Set(Object.values(/** @type {any} */ (rows)).flatMap((cells) => Object.keys(/** @type {any} */ (cells))))];
      return h("details", {}, h("summary", {}, title), table(["", ...columns.map(inWords)], Object.entries(/** @type {any} */ (rows)).map(([name, cells]) =>
        h("tr", {}, h("th", { scope: "row" }, name), columns.map((column) => h("td", {}, shown(/** @type {any} */ (cells)[column])))))));
    });
    fill(this.report, h("section", {}, h("h2", {}, "Report"), score(this.run.score), main, (report.remarks ?? []).map((/** @type {string} */ words) => h("p", { class: "quiet" }, words)), more));
  }

  close() {
    clearTimeout(this.waiting);
    for (const curve of [this.loss, this.score, this.speed]) curve.close();
  }
}

/**
 * @param {string[]} names
 * @param {HTMLElement[]} rows
 */
function table(names, rows) {
  return h("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": "table" },
    h("table", {}, h("thead", {}, h("tr", {}, names.map((name) => (name ? h("th", { scope: "col" }, name) : h("td"))))), h("tbody", {}, rows)));
}
