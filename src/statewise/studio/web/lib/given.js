// Files that a person gives: chosen, dropped, or pasted; and their bytes as text.

import { Refused } from "./api.js";
import { h } from "./dom.js";

const PIECE = 0x8000;

/**
 * Return a field for one file, which may also be dropped on it or pasted into the page.
 * @param {{label: string, accept: string, most: number, signal: AbortSignal, given: (file: File) => void, fail: (error: unknown) => void, help?: string}} how
 * @returns {HTMLElement}
 */
export function fileField({ label, accept, most, signal, given, fail, help }) {
  const take = (/** @type {FileList | null | undefined} */ files) => {
    const file = files?.[0];
    if (!file) return;
    if (file.size > most) fail(new Refused(0, `${file.name} has ${Math.ceil(file.size / 1e6)} MB: give at most ${Math.floor(most / 1e6)} MB`));
    else given(file);
  };
  const input = h("input", { id: "file", type: "file", accept, onchange: () => { take(input.files); input.value = ""; } });
  document.addEventListener("paste", (event) => { if (event.clipboardData?.files.length) take(event.clipboardData.files); }, { signal });
  const field = h("div", { class: "field drop",
    ondragover: (/** @type {DragEvent} */ event) => { event.preventDefault(); field.classList.add("over"); },
    ondragleave: () => field.classList.remove("over"),
    ondrop: (/** @type {DragEvent} */ event) => { event.preventDefault(); field.classList.remove("over"); take(event.dataTransfer?.files); } },
  h("label", { for: "file" }, label), input, help ? h("small", { class: "help" }, help) : null);
  return field;
}

/**
 * Return bytes in base 64.
 * @param {Blob} blob
 */
export async function base64(blob) {
  const bytes = new Uint8Array(await blob.arrayBuffer());
  let text = "";
  for (let at = 0; at < bytes.length; at += PIECE) text += String.fromCharCode(...bytes.subarray(at, at + PIECE));
  return btoa(text);
}

/**
 * Return the bytes of base 64 as a blob.
 * @param {string} text
 * @param {string} type
 */
export function blobOf(text, type) {
  return new Blob([Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0))], { type });
}
