// Every unit and gate of a network along a text, and which of them are on together: found elsewhere, too.

const STRONGEST = 0.98;

/** @typedef {{at: number, to: number, share: number}} Place */

export class Neurons {
  /**
   * @param {{shown: string[], likely: [string, number][][], names: string[], gates: number, scales: number[], values: string,
   *   matches: {predicate: string, unit: string, r: number, chance: number, is_real: boolean}[]}} told by the server
   */
  constructor({ shown, likely, names, gates, scales, values, matches }) {
    this.shown = shown;
    this.likely = likely;
    this.names = names;
    this.matches = matches;
    this.states = names.length - gates;
    this.scales = scales;
    this.bytes = Int8Array.from(atob(values), (letter) => letter.charCodeAt(0));
  }

  get steps() {
    return this.shown.length;
  }

  /** Whether a unit is a gate, which is between 0 and 1. @param {number} unit */
  isGate(unit) {
    return unit >= this.states;
  }

  /**
   * @param {number} step
   * @param {number} unit
   */
  value(step, unit) {
    return (this.bytes[step * this.names.length + unit] / 127) * this.scales[unit];
  }

  /** Return a unit's value after each step. @param {number} unit */
  along(unit) {
    return this.shown.map((_, step) => this.value(step, unit));
  }

  /**
   * Return a unit as strengths of colour: from -1 to 1, one loud moment paling none of the rest; of a gate, 0.5 is none.
   * @param {number} unit
   */
  strengths(unit) {
    const values = this.along(unit);
    if (this.isGate(unit)) return values.map((value) => 2 * value - 1);
    const sizes = values.map(Math.abs).sort((a, b) => a - b);
    const most = sizes[Math.min(sizes.length - 1, Math.ceil(STRONGEST * (sizes.length - 1)))] || 1;
    return values.map((value) => Math.max(-1, Math.min(1, value / most)));
  }

  /**
   * Return units that are on throughout a range and off right before and after it, the clearest first.
   * @param {number} from
   * @param {number} to the step after the last
   * @param {number} threshold share of a unit's largest size from which it is on
   * @returns {{unit: number, sign: 1 | -1, clear: number}[]}
   */
  onIn(from, to, threshold) {
    const found = [];
    const width = this.names.length;
    for (let unit = 0; unit < this.states; unit++) {
      const sign = this.bytes[from * width + unit] < 0 ? -1 : 1;
      const size = (/** @type {number} */ step) => (sign * this.bytes[step * width + unit]) / 127;
      let least = Infinity;
      for (let step = from; step < to; step++) least = Math.min(least, size(step));
      if (least < threshold) continue;
      const before = from > 0 ? size(from - 1) : -1;
      const after = to < this.steps ? size(to) : -1;
      if (before >= threshold || after >= threshold) continue;
      found.push({ unit, sign: /** @type {1 | -1} */ (sign), clear: least - Math.max(before, after) });
    }
    return found.sort((a, b) => b.clear - a.clear);
  }

  /**
   * Return stretches elsewhere in which most of these units are on at once, the best first.
   * @param {{unit: number, sign: 1 | -1}[]} units
   * @param {number} threshold
   * @param {number} from of the range that is left out
   * @param {number} to
   * @param {number} [most]
   * @returns {Place[]}
   */
  matching(units, threshold, from, to, most = 12) {
    if (!units.length) return [];
    const width = this.names.length;
    const share = this.shown.map((_, step) =>
      units.filter(({ unit, sign }) => (sign * this.bytes[step * width + unit]) / 127 >= threshold).length / units.length);
    /** @type {Place[]} */
    const found = [];
    for (let at = 0; at < this.steps; at++) {
      if (share[at] < 0.5 || (at >= from && at < to)) continue;
      let end = at;
      let sum = 0;
      while (end < this.steps && share[end] >= 0.5 && !(end >= from && end < to)) sum += share[end++];
      found.push({ at, to: end, share: sum / (end - at) });
      at = end;
    }
    return found.sort((a, b) => b.share - a.share || b.to - b.at - (a.to - a.at)).slice(0, most);
  }
}
