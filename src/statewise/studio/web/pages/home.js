// All runs of the folder: what each is, how good it is, what it made last.

import { ask } from "../lib/api.js";
import { to } from "../lib/address.js";
import { duration, fill, h, inWords, shown } from "../lib/dom.js";

const LOOK_SECONDS = 3;

/** @type {import("../main.js").Show} */
export async function show({ main, signal, fail }) {
  document.title = "Runs – statewise studio";
  const list = h("div", { class: "cards" });
  const chosen = /** @type {Set<string>} */ (new Set());
  const compare = h("a", { class: "button", hidden: true }, "Compare");
  const choose = (/** @type {string} */ name, /** @type {boolean} */ isChosen) => {
    if (isChosen) chosen.add(name);
    else chosen.delete(name);
    const [first, ...others] = chosen;
    compare.hidden = others.length === 0;
    if (first) compare.href = to(["run", first], { with: others });
  };
  const title = h("h1", {}, "Runs");
  let before = "";
  const look = async () => {
    const told = await ask("GET", "/studio/runs", undefined, signal);
    const now = JSON.stringify(told);
    if (now === before) return;
    before = now;
    const focused = document.activeElement?.getAttribute("data-key");
    fill(list, told.runs.map((/** @type {any} */ run) => card(run, chosen, choose)));
    if (!told.runs.length) fill(list, nothing(told.folder));
    if (focused) /** @type {HTMLElement | null} */ (list.querySelector(`[data-key="${CSS.escape(focused)}"]`))?.focus();
  };
  await look();
  fill(main, h("div", { class: "head" }, title, h("a", { class: "button", href: to(["train"]) }, "Train a model"), compare), list);
  const again = setInterval(() => document.hidden || look().catch(fail), LOOK_SECONDS * 1000);
  signal.addEventListener("abort", () => clearInterval(again));
}

/** @param {string} folder */
function nothing(folder) {
  return h("p", { class: "card" }, `There is no run in ${folder} yet. `, h("a", { href: to(["train"]) }, "Train a model"),
    " to begin: Shakespeare's plays take two minutes.");
}

/**
 * @param {any} run
 * @param {Set<string>} chosen
 * @param {(name: string, isChosen: boolean) => void} choose
 */
function card(run, chosen, choose) {
  const isUsable = run.last && run.state !== "damaged";
  return h("article", { class: "card" },
    h("div", { class: "head" },
      h("h2", {}, h("a", { href: to(["run", run.name]), "data-key": `run ${run.name}` }, run.name)), badge(run.state)),
    run.problem ? h("p", { class: "problem" }, run.problem) : null,
    run.process && run.state === "failed" ? failed(run) : null,
    h("p", { class: "quiet" }, [run.task, run.parameters ? `${shown(run.parameters)} parameters` : "", run.last ? duration(run.last.seconds) : ""].filter(Boolean).join(" · ")),
    run.state === "training" && run.last ? progress(run.last) : null,
    score(run.score),
    run.warning ? h("p", { class: "problem" }, run.warning) : null,
    run.sample ? h("pre", { class: "sample", tabindex: "0", role: "region", "aria-label": `sample of ${run.name}` }, run.sample) : null,
    h("div", { class: "row" },
      isUsable ? h("a", { class: "button", href: to(["use", run.name]), "data-key": `use ${run.name}` }, "Use") : null,
      run.state === "damaged" || !run.last ? null : h("label", { class: "small" },
        h("input", { type: "checkbox", checked: chosen.has(run.name), "data-key": `pick ${run.name}`,
          onchange: (/** @type {any} */ event) => choose(run.name, event.target.checked) }), ` compare ${run.name}`)));
}

/** @param {any} run */
function failed(run) {
  return h("p", { class: "problem" }, run.process.said.split("\n").filter(Boolean).pop() ?? "it ended without a word");
}

/** @param {string} state */
export function badge(state) {
  return h("span", { class: `badge ${state}` }, state);
}

/** @param {{fraction: number, seconds: number}} last */
export function progress({ fraction, seconds }) {
  const left = fraction > 0 ? (seconds * (1 - fraction)) / fraction : NaN;
  const words = fraction < 0.995 ? `${Math.round(100 * fraction)} %, ${duration(left)} left` : "trained; it and the baselines are being scored";
  return h("p", { class: "row" }, h("progress", { max: "1", value: fraction, "aria-label": "how far training is" }),
    h("span", { class: "quiet" }, words));
}

/** @param {any} found */
export function score(found) {
  if (!found) return null;
  const rival = found.baseline ? h("span", { class: "quiet" }, `best baseline ${shown(found.baseline_value)} (${found.baseline})`) : null;
  return h("p", { class: "score" }, `${inWords(found.metric)} `, h("strong", {}, shown(found.value)), " ", rival);
}
