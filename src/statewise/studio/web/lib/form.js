// A form out of JSON schemas: every task's settings, and every question that it answers.

import { h, inWords } from "./dom.js";

/**
 * @typedef {object} Schema
 * @property {string} [type]
 * @property {any} [default]
 * @property {string} [description]
 * @property {any[]} [enum]
 * @property {any} [const]
 * @property {Schema[]} [anyOf]
 * @property {Schema} [items]
 * @property {number} [minimum]
 * @property {number} [maximum]
 * @property {number} [exclusiveMinimum]
 * @property {number} [exclusiveMaximum]
 * @property {string[]} [suggestions]
 * @property {boolean} [required]
 */

/**
 * @typedef {object} Field
 * @property {string} name
 * @property {HTMLElement} element
 * @property {HTMLInputElement | HTMLSelectElement | HTMLTextAreaElement} input
 * @property {() => any} value undefined where nothing was given
 * @property {(value: any) => void} set
 */

let number = 0;

/**
 * Return what a schema is in the end: without the possibility of nothing, and the simplest of several types.
 * @param {Schema} schema
 * @returns {Schema & {several?: boolean, isTable?: boolean}}
 */
export function plain(schema) {
  if (!schema.anyOf) {
    return schema.type === "array" ? { ...schema, ...schema.items, default: schema.default, several: true } : schema;
  }
  const parts = schema.anyOf.filter((part) => part.type !== "null");
  const { anyOf: _, ...rest } = schema;
  const isTable = parts.some((part) => part.type === "object" || (part.type === "array" && part.items?.type === "object"));
  if (isTable) return { ...rest, isTable: true };
  const array = parts.find((part) => part.type === "array");
  if (array) return { ...rest, ...array.items, ...pick(rest), several: true };
  const chosen = parts.find((part) => part.enum) ?? parts.find((part) => part.type === "number") ?? parts[0];
  return { ...rest, ...chosen, ...pick(rest) };
}

/** @param {Schema} schema */
function pick({ description, default: usual, suggestions }) {
  return { description, default: usual, suggestions };
}

/**
 * Return a field for a setting.
 * @param {string} name
 * @param {Schema} given
 * @param {() => void} changed
 * @returns {Field}
 */
export function field(name, given, changed) {
  const schema = plain(given);
  const id = `field-${++number}`;
  const control = controlOf(id, schema, changed);
  const help = schema.description ? h("small", { id: `${id}-help`, class: "help" }, schema.description) : null;
  if (help) control.input.setAttribute("aria-describedby", help.id);
  const label = h("label", { for: id }, inWords(name), given.required ? h("span", { class: "needed" }, " (needed)") : null);
  const inside = control.input.type === "checkbox" ? [h("div", { class: "tick" }, control.input, label)] : [label, control.input];
  const element = h("div", { class: "field", "data-name": name }, ...inside, control.more, help);
  return { name, element, input: control.input, value: control.value, set: control.set };
}

/**
 * @param {string} id
 * @param {ReturnType<typeof plain>} schema
 * @param {() => void} changed
 */
function controlOf(id, schema, changed) {
  const usual = schema.default;
  if (schema.enum && !schema.several) return choice(id, schema.enum, usual, changed);
  if (schema.type === "boolean") return tick(id, usual === true, changed);
  if (schema.isTable || schema.several) return lines(id, schema, changed);
  const isNumber = schema.type === "number" || schema.type === "integer";
  const list = schema.suggestions ? h("datalist", { id: `${id}-list` }, schema.suggestions.map((one) => h("option", { value: one }))) : null;
  const input = h("input", {
    id, type: isNumber ? "number" : "text", step: schema.type === "integer" ? "1" : "any", autocomplete: "off",
    min: schema.minimum ?? schema.exclusiveMinimum, max: schema.maximum ?? schema.exclusiveMaximum,
    placeholder: usual === undefined || usual === null ? "" : String(usual), list: list?.id, oninput: changed, spellcheck: "false",
  });
  if (!isNumber) input.removeAttribute("step");
  const value = () => {
    if (input.value === "") return undefined;
    return isNumber ? Number(input.value) : input.value;
  };
  const set = (/** @type {any} */ to) => { input.value = to === undefined || to === null ? "" : String(to); };
  return { input, more: list, value, set };
}

/**
 * @param {string} id
 * @param {any[]} values
 * @param {any} usual
 * @param {() => void} changed
 */
function choice(id, values, usual, changed) {
  const input = h("select", { id, onchange: changed }, h("option", { value: "" }, usual ? `${usual} (as usual)` : "as usual"),
    values.filter((one) => one !== usual).map((one) => h("option", { value: one }, one)));
  const value = () => input.value || undefined;
  const set = (/** @type {any} */ to) => { input.value = to === undefined || to === usual ? "" : String(to); };
  return { input, more: null, value, set };
}

/**
 * @param {string} id
 * @param {boolean} usual
 * @param {() => void} changed
 */
function tick(id, usual, changed) {
  const input = h("input", { id, type: "checkbox", checked: usual, onchange: changed });
  const value = () => (input.checked === usual ? undefined : input.checked);
  const set = (/** @type {any} */ to) => { input.checked = to === undefined ? usual : to === true || to === "true"; };
  return { input, more: null, value, set };
}

/**
 * @param {string} id
 * @param {ReturnType<typeof plain>} schema
 * @param {() => void} changed
 */
function lines(id, schema, changed) {
  const usual = Array.isArray(schema.default) ? schema.default.join("\n") : "";
  const hint = schema.isTable ? "a table in CSV, with a line of names" : "one a line";
  const input = h("textarea", { id, rows: schema.isTable ? 6 : 2, placeholder: usual || hint, oninput: changed, spellcheck: "false" });
  const value = () => {
    if (!input.value.trim()) return undefined;
    if (schema.isTable) return table(input.value);
    const all = input.value.split("\n").map((line) => line.trim()).filter(Boolean);
    return schema.type === "number" || schema.type === "integer" ? all.map(Number) : all;
  };
  const set = (/** @type {any} */ to) => {
    input.value = to === undefined || to === null ? "" : Array.isArray(to) ? to.join("\n") : String(to);
  };
  return { input, more: null, value, set };
}

/**
 * Return a table in CSV as columns by name; a column of numbers is numbers, and an empty cell is nothing.
 * @param {string} text
 * @returns {Record<string, (string | number | null)[]>}
 */
export function table(text) {
  const rows = cells(text);
  const names = rows.shift() ?? [];
  /** @type {Record<string, (string | number | null)[]>} */
  const columns = {};
  names.forEach((name, at) => {
    const column = rows.map((row) => row[at] ?? "");
    const isNumeric = column.every((cell) => cell === "" || (cell.trim() !== "" && Number.isFinite(Number(cell))));
    columns[name] = column.map((cell) => (cell === "" ? null : isNumeric ? Number(cell) : cell));
  });
  return columns;
}

/**
 * @param {string} text
 * @returns {string[][]}
 */
function cells(text) {
  /** @type {string[][]} */
  const rows = [[""]];
  let isQuoted = false;
  const source = text.replace(/\r\n?/g, "\n").replace(/\n+$/, "");
  for (let at = 0; at < source.length; at++) {
    const row = rows[rows.length - 1];
    const letter = source[at];
    if (letter === '"') {
      if (isQuoted && source[at + 1] === '"') row[row.length - 1] += source[at++];
      else isQuoted = !isQuoted;
    } else if (letter === "," && !isQuoted) row.push("");
    else if (letter === "\n" && !isQuoted) rows.push([""]);
    else row[row.length - 1] += letter;
  }
  return rows.filter((row) => row.length > 1 || row[0] !== "");
}

/**
 * Return what was given in some fields, by name.
 * @param {Field[]} fields
 * @returns {Record<string, any>}
 */
export function given(fields) {
  const pairs = fields.map((each) => /** @type {const} */ ([each.name, each.value()]));
  return Object.fromEntries(pairs.filter(([, value]) => value !== undefined));
}

/**
 * Return what was given as an address keeps it: lines as they were typed.
 * @param {Field[]} fields
 * @returns {Record<string, any>}
 */
export function typed(fields) {
  const pairs = fields.map((each) => {
    const isTick = each.input.type === "checkbox";
    return /** @type {const} */ ([each.name, isTick ? each.value() : each.input.value || undefined]);
  });
  return Object.fromEntries(pairs.filter(([, value]) => value !== undefined));
}

/**
 * Fill fields with what an address holds.
 * @param {Field[]} fields
 * @param {URLSearchParams} query
 */
export function restore(fields, query) {
  for (const each of fields) {
    const value = query.get(each.name);
    if (value !== null) each.set(value);
  }
}
