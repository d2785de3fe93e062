// What was written as a tree of branches: each is a session of the server, so any place can be gone on from.

import { ask } from "./api.js";

/** @typedef {[string, number]} Choice */
/** @typedef {{c: string, p: number, next: Choice[]}} Letter a character, its probability, and what was likeliest after it */

export const LIKELIEST = 5;
const MOST_CHOICES = 100;
const PIECE = 300;
const LEAST = 1e-6;

/** One branch: the letters that it adds, and the session of the server that stands at its end. */
export class Branch {
  /**
   * @param {Branch | null} parent
   * @param {string} session
   */
  constructor(parent, session) {
    this.parent = parent;
    this.session = session;
    /** @type {Letter[]} */
    this.letters = [];
    /** @type {Choice[]} what is likely before its first letter, as many as the server tells */
    this.first = [];
    /** @type {Choice[]} and after its last one */
    this.last = [];
    /** @type {Branch[]} */
    this.children = [];
    parent?.children.push(this);
  }

  /** @returns {Branch[]} from the root to this one */
  get path() {
    return [...(this.parent?.path ?? []), this];
  }

  /** @returns {Letter[]} */
  get all() {
    return this.path.flatMap(({ letters }) => letters);
  }
}

/** @param {Letter[]} letters */
export function bitsOf(letters) {
  return letters.reduce((sum, { p }) => sum - Math.log2(p), 0);
}

/** @param {Letter[]} letters */
export function words(letters) {
  return letters.map(({ c }) => c).join("");
}

/** @param {string} letter */
export function visible(letter) {
  return letter === " " ? "␣" : letter === "\n" ? "↵" : letter === "\t" ? "⇥" : letter;
}

/** The tree of what was written, each branch a session of the server. */
export class Tree {
  /**
   * @param {string} model
   * @param {AbortSignal} signal
   */
  constructor(model, signal) {
    this.model = model;
    this.signal = signal;
    /** @type {Branch} */
    this.now = new Branch(null, "");
  }

  async begin() {
    const { session } = await this.post("/v1/sessions", { model: this.model });
    this.root = this.now = new Branch(null, session);
    const told = await this.post(`/v1/sessions/${session}/run`, { text: "\n", choices: MOST_CHOICES });
    this.root.last = told.choices;
  }

  /**
   * @param {string} path
   * @param {any} [body]
   */
  post(path, body) {
    return ask("POST", path, body, this.signal);
  }

  /** @param {Branch} branch */
  async forked(branch) {
    return (await this.post(`/v1/sessions/${branch.session}/fork`)).session;
  }

  /**
   * Read a text on from a place of the path to this branch; where that is not its end, another branch begins there.
   * @param {string} text
   * @param {number} at
   */
  async read(text, at) {
    const branch = await this.at(at);
    const isLeaf = !branch.children.length && branch.parent;
    const into = isLeaf ? branch : new Branch(branch, await this.forked(branch));
    if (!isLeaf) into.first = into.last = branch.last;
    this.now = into;
    const letters = Array.from(text);
    for (let from = 0; from < letters.length; from += PIECE) {
      const piece = letters.slice(from, from + PIECE);
      const told = await this.post(`/v1/sessions/${into.session}/run`, { text: piece.join(""), each: true, choices: MOST_CHOICES });
      piece.forEach((letter, number) => {
        const after = told.each[number]?.choices ?? [];
        into.letters.push({ c: letter, p: chance(letter, into.last), next: after.slice(0, LIKELIEST) });
        into.last = after;
      });
    }
    return into;
  }

  /**
   * Return the branch whose end is a place of the path: the one that goes through it is cut in two there.
   * @param {number} at
   * @returns {Promise<Branch>}
   */
  async at(at) {
    let before = 0;
    for (const branch of this.now.path) {
      const end = before + branch.letters.length;
      if (at === end) return branch;
      if (at < end) return this.cut(branch, at - before);
      before = end;
    }
    return this.now;
  }

  /**
   * @param {Branch} branch
   * @param {number} length
   */
  async cut(branch, length) {
    const parent = /** @type {Branch} */ (branch.parent);
    const session = await this.forked(parent);
    const told = await this.post(`/v1/sessions/${session}/run`, { text: words(branch.letters.slice(0, length)), choices: MOST_CHOICES });
    parent.children = parent.children.filter((each) => each !== branch);
    const middle = new Branch(parent, session);
    middle.first = branch.first;
    middle.letters = branch.letters.slice(0, length);
    middle.last = branch.first = told.choices;
    branch.letters = branch.letters.slice(length);
    branch.parent = middle;
    middle.children.push(branch);
    return middle;
  }
}

/**
 * Return how likely a character was among the choices that were told; for one beyond them, a bound.
 * @param {string} letter
 * @param {Choice[]} choices
 */
function chance(letter, choices) {
  const found = choices.find(([c]) => c === letter);
  if (found) return Math.max(LEAST, found[1]);
  const told = choices.reduce((sum, [, p]) => sum + p, 0);
  return Math.max(LEAST, Math.min(1 - told, choices[choices.length - 1]?.[1] ?? 1));
}
