// One unit of a recurrent network, step by step on real numbers, and how much of a gradient comes through to each input.

/** @typedef {"linear" | "elman" | "gru" | "lstm"} CellName */
/** @typedef {{w: number, bias: number}} How the weight from a step to the next, and the bias of the gate that keeps */
/** @typedef {{h: number, c: number}} State */
/** @typedef {{state: State, jacobian: [number, number, number, number], input: [number, number]}} Stepped
 * the state after a step; how it moves with the state before, as dh/dh, dh/dc, dc/dh, dc/dc; and with the input */

export const CELLS = /** @type {CellName[]} */ (["linear", "elman", "gru", "lstm"]);

const sigmoid = (/** @type {number} */ x) => 1 / (1 + Math.exp(-x));

/** @type {Record<CellName, (x: number, state: State, how: How) => Stepped>} */
const STEPS = {
  linear: (x, { h }, { w }) => ({ state: { h: w * h + x, c: 0 }, jacobian: [w, 0, 0, 0], input: [1, 0] }),
  elman: (x, { h }, { w }) => {
    const y = Math.tanh(w * h + x);
    const slope = 1 - y * y;
    return { state: { h: y, c: 0 }, jacobian: [slope * w, 0, 0, 0], input: [slope, 0] };
  },
  gru: (x, { h }, { w, bias }) => {
    const a = w * h;
    const reset = sigmoid(a + x);
    const n = Math.tanh(x + reset * a);
    const keep = sigmoid(a + bias);
    const [dr, dz, dn] = [reset * (1 - reset), keep * (1 - keep) * w, 1 - n * n];
    const byH = (1 - keep) * dn * (dr * w * a + reset * w) + dz * (h - n) + keep;
    const byX = (1 - keep) * dn * (1 + dr * a);
    return { state: { h: (1 - keep) * n + keep * h, c: 0 }, jacobian: [byH, 0, 0, 0], input: [byX, 0] };
  },
  lstm: (x, { h, c }, { w, bias }) => {
    const a = w * h + x;
    const [gate, g, forget] = [sigmoid(a), Math.tanh(a), sigmoid(w * h + bias)];
    const [dgate, dg, dforget] = [gate * (1 - gate), 1 - g * g, forget * (1 - forget) * w];
    const memory = forget * c + gate * g;
    const squashed = Math.tanh(memory);
    const slope = gate * (1 - squashed * squashed);
    const memoryByA = dgate * g + gate * dg;
    const memoryByH = dforget * c + memoryByA * w;
    return { state: { h: gate * squashed, c: memory },
      jacobian: [dgate * w * squashed + slope * memoryByH, slope * forget, memoryByH, forget], input: [dgate * squashed + slope * memoryByA, memoryByA] };
  },
};

/**
 * Read inputs, then send a gradient of 1 at the last output back; `gradients` are those of each input.
 * @param {CellName} cell
 * @param {number[]} xs
 * @param {How} how
 * @returns {{states: State[], slopes: number[], gradients: number[]}} `slopes` of each output by the output before
 */
export function through(cell, xs, how) {
  /** @type {Stepped[]} */
  const steps = [];
  let state = { h: 0, c: 0 };
  for (const x of xs) {
    const step = STEPS[cell](x, state, how);
    steps.push(step);
    state = step.state;
  }
  const gradients = new Array(xs.length).fill(0);
  let [byH, byC] = [1, 0];
  for (let at = xs.length - 1; at >= 0; at--) {
    const { jacobian: [hh, hc, ch, cc], input: [hx, cx] } = steps[at];
    gradients[at] = byH * hx + byC * cx;
    [byH, byC] = [byH * hh + byC * ch, byH * hc + byC * cc];
  }
  return { states: steps.map((step) => step.state), slopes: steps.map(({ jacobian }) => jacobian[0]), gradients };
}

/**
 * Return numbers drawn from a normal distribution, the same for the same seed.
 * @param {number} seed
 * @param {number} count
 * @param {number} spread
 */
export function normals(seed, count, spread) {
  let state = (seed + 0x9e3779b9) | 0;
  const uniform = () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
  return Array.from({ length: count }, () => spread * Math.sqrt(-2 * Math.log(1 - uniform())) * Math.cos(2 * Math.PI * uniform()));
}
