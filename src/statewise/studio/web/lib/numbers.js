// Numbers for curves: as few points as the eye can tell apart, means of neighbours, round numbers for axes.

/**
 * Return at most four points for each of `columns` columns: the first, least, largest and last; gaps stay gaps.
 * @param {ArrayLike<number>} xs
 * @param {ArrayLike<number | null>} ys
 * @param {number} from
 * @param {number} to
 * @param {number} columns
 * @returns {(readonly [number, number] | null)[]} points in order, null for a gap
 */
export function decimated(xs, ys, from, to, columns) {
  const scale = columns / (to - from || 1);
  /** @type {(readonly [number, number] | null)[]} */
  const points = [];
  let column = -Infinity;
  let first = -1;
  let last = -1;
  let low = -1;
  let high = -1;
  const close = () => {
    if (first < 0) return;
    const order = low < high ? [first, low, high, last] : [first, high, low, last];
    let before = -1;
    for (const at of order) {
      if (at !== before) points.push([xs[at], /** @type {number} */ (ys[at])]);
      before = at;
    }
    first = -1;
  };
  for (let at = 0; at < xs.length; at++) {
    const x = xs[at];
    if (x < from || x > to) continue;
    const y = ys[at];
    if (y === null || !Number.isFinite(y)) {
      close();
      if (points.length && points[points.length - 1]) points.push(null);
      continue;
    }
    const here = Math.floor((x - from) * scale);
    if (here !== column || first < 0) {
      close();
      column = here;
      first = low = high = at;
    }
    last = at;
    if (y < /** @type {number} */ (ys[low])) low = at;
    if (y > /** @type {number} */ (ys[high])) high = at;
  }
  close();
  return points;
}

/**
 * Return the means of a point and its neighbours. A constant stays one, and two points stay themselves.
 * @param {(number | null)[]} ys
 * @param {number} share of all points that are averaged, from 0 to 1
 * @returns {(number | null)[]}
 */
export function smooth(ys, share) {
  const reach = Math.floor((ys.length * share) / 2);
  if (reach < 1) return ys;
  const sums = new Float64Array(ys.length + 1);
  const counts = new Float64Array(ys.length + 1);
  for (let at = 0; at < ys.length; at++) {
    const y = ys[at];
    const is = y !== null && Number.isFinite(y);
    sums[at + 1] = sums[at] + (is ? /** @type {number} */ (y) : 0);
    counts[at + 1] = counts[at] + (is ? 1 : 0);
  }
  return ys.map((y, at) => {
    if (y === null) return null;
    const near = Math.min(reach, at, ys.length - 1 - at); // as far to either side, so that ends do not bend
    const count = counts[at + near + 1] - counts[at - near];
    return count ? (sums[at + near + 1] - sums[at - near]) / count : null;
  });
}

/**
 * Return round numbers between two, about as many as asked for.
 * @param {number} from
 * @param {number} to
 * @param {number} count
 * @returns {number[]}
 */
export function ticks(from, to, count) {
  const rough = (to - from || 1) / count;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 5, 10].map((each) => each * power).find((each) => each >= rough) ?? rough;
  const found = [];
  for (let value = Math.ceil(from / step) * step; value <= to + step / 1e6; value += step) found.push(value);
  return found;
}

/**
 * Return where in growing numbers the one nearest to x is.
 * @param {ArrayLike<number>} xs
 * @param {number} x
 */
export function nearest(xs, x) {
  let [low, high] = [0, xs.length - 1];
  while (high - low > 1) {
    const middle = (low + high) >> 1;
    if (xs[middle] < x) low = middle;
    else high = middle;
  }
  return Math.abs((xs[high] ?? Infinity) - x) < Math.abs((xs[low] ?? Infinity) - x) ? high : low;
}
