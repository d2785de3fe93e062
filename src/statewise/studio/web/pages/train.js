// A form made from a task's fields that starts a training, and shows the command line that it amounts to.

import { ask, upload } from "../lib/api.js";
import { keep, to } from "../lib/address.js";
import { announce, fill, h, inWords, settled } from "../lib/dom.js";
import { field, given, restore, typed } from "../lib/form.js";

const GROUPS = { data: "Data", budget: "How long", model: "Model", task: "Of this task", training: "Training" };
const OPEN = ["data", "budget", "model"];
const SETTLED_MILLISECONDS = 250;

/** @type {import("../main.js").Show} */
export async function show({ main, query, signal, fail }) {
  document.title = "Train – statewise studio";
  const { tasks } = await ask("GET", "/studio/tasks", undefined, signal);
  const known = tasks.filter((/** @type {any} */ task) => !task.problem);
  const chosen = query.get("task") ?? "text";
  const select = h("select", { id: "task", onchange: () => { location.hash = to(["train"], { task: select.value }); } },
    known.map((/** @type {any} */ task) => h("option", { value: task.name }, `${task.name} – ${task.title}`)));
  select.value = chosen;
  const body = h("div");
  fill(main, h("h1", {}, "Train a model"), h("div", { class: "field" }, h("label", { for: "task" }, "Task"), select), body);
  const [form, data] = await Promise.all([
    ask("GET", `/studio/tasks/${encodeURIComponent(chosen)}`, undefined, signal), ask("GET", "/studio/data", undefined, signal),
  ]);
  build(body, form, data, query, fail);
}

/**
 * @param {HTMLElement} body
 * @param {any} form
 * @param {any} data
 * @param {URLSearchParams} query
 * @param {(error: unknown) => void} fail
 */
function build(body, form, data, query, fail) {
  const key = crypto.randomUUID(); // of this form: it starts one training, however often the button is hit
  const command = h("code", { class: "command", role: "textbox", "aria-readonly": "true", tabindex: "0", "aria-label": "command line" }, "");
  const problem = h("p", { class: "problem", role: "status" });
  const start = h("button", { type: "submit", class: "main", disabled: true }, "Start training");
  const copy = h("button", { type: "button", onclick: () => navigator.clipboard.writeText(command.textContent ?? "").then(() => announce("Copied.")) }, "Copy");
  let asked = 0;
  const check = settled(SETTLED_MILLISECONDS, async () => {
    const number = ++asked;
    keep({ task: form.task, ...typed(fields) });
    const told = await tried(form.task, given(fields));
    if (number !== asked) return;
    start.disabled = Boolean(told.problem);
    problem.textContent = told.problem ?? "";
    command.textContent = told.command ?? command.textContent;
  });
  const fields = form.settings.map((/** @type {any} */ setting) => field(setting.name, setting, check));
  const groups = Object.entries(GROUPS).map(([group, words]) => {
    const inside = fields.filter((/** @type {any} */ _, /** @type {number} */ at) => form.settings[at].group === group);
    if (!inside.length) return null;
    const parts = inside.map((/** @type {any} */ each) => each.element);
    if (group === "data") parts.push(sources(form, data, inside[0], check, fail));
    if (OPEN.includes(group)) return h("fieldset", {}, h("legend", {}, words), h("div", { class: "grid" }, parts));
    return h("details", {}, h("summary", {}, `${words} (${inside.length} settings)`), h("div", { class: "grid" }, parts));
  });
  const submit = async (/** @type {Event} */ event) => {
    event.preventDefault();
    start.disabled = true;
    try {
      const started = await ask("POST", "/studio/train", { task: form.task, settings: given(fields), key });
      announce(`Training of ${started.run} has begun.`);
      location.hash = to(["run", started.run]);
    } catch (error) {
      fail(error);
      start.disabled = false;
    }
  };
  fill(body, h("form", { onsubmit: submit, "aria-label": `settings of ${form.task}` }, groups,
    h("div", { class: "card" }, h("p", { class: "quiet" }, "This is the command line:"), command, problem, h("div", { class: "row" }, start, copy))));
  restore(fields, query);
  const source = fields.find((/** @type {any} */ each) => each.name === "source");
  if (source && source.value() === undefined && data.corpora.some((/** @type {any} */ one) => one.source === form.example)) source.set(form.example);
  check();
}

/**
 * @param {string} task
 * @param {any} settings
 * @returns {Promise<{command?: string, problem?: string}>}
 */
async function tried(task, settings) {
  try {
    return await ask("POST", "/studio/command", { task, settings });
  } catch (error) {
    return { problem: error instanceof Error ? error.message : String(error) };
  }
}

/**
 * @param {any} form
 * @param {any} data
 * @param {any} source
 * @param {() => void} check
 * @param {(error: unknown) => void} fail
 */
function sources(form, data, source, check, fail) {
  const corpora = data.corpora.filter((/** @type {any} */ one) => one.holds === form.content);
  const put = (/** @type {string} */ name) => { source.set(name); check(); };
  const known = h("select", { id: "known", onchange: () => { if (known.value) put(known.value); } },
    h("option", { value: "" }, "choose …"),
    data.files.length ? h("optgroup", { label: `files in ${data.folder}` }, data.files.map((/** @type {any} */ one) => h("option", { value: one.source }, one.source))) : null,
    corpora.length ? h("optgroup", { label: "corpora" }, corpora.map((/** @type {any} */ one) => h("option", { value: one.source }, `${one.source} – ${one.title}`))) : null);
  const bar = h("progress", { max: "1", value: 0, hidden: true, "aria-label": "how much is sent" });
  const send = async (/** @type {FileList | null | undefined} */ files) => {
    const file = files?.[0];
    if (!file) return;
    bar.hidden = false;
    try {
      put(await upload(file, (share) => { bar.value = share; }));
      announce(`${file.name} is there.`);
    } catch (error) {
      fail(error);
    }
    bar.hidden = true;
    input.value = "";
  };
  const input = h("input", { id: "file", type: "file", onchange: () => send(input.files) });
  const drop = h("div", { class: "field drop",
    ondragover: (/** @type {DragEvent} */ event) => event.preventDefault(),
    ondrop: (/** @type {DragEvent} */ event) => { event.preventDefault(); send(event.dataTransfer?.files); } },
    h("label", { for: "file" }, "or send a file"), input, bar,
    h("small", { class: "help" }, `It is kept in ${data.folder}; at most ${Math.round(data.most_bytes / 1e6).toLocaleString("en")} MB.`));
  return h("div", {}, h("div", { class: "field" }, h("label", { for: "known" }, "What is there"), known,
    h("small", { class: "help" }, `An example: ${inWords(form.example)}`)), drop);
}
