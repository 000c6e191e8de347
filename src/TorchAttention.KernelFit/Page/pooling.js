// Local polynomials with a ridge, as docs/fitting.md states them: beta = (sum s K z z' + diag(0, L, .., L))^-1 sum s K z y around each
// place, where z are the products of u_j = (x_j - q_j) / h_j up to the degree.

/**
 * A kernel: the coefficients of K as a polynomial of r where r < 1; without any it is the Gaussian.
 * @typedef {{name: string, powers: number[]}} Kernel
 */

/** @typedef {{kernel: Kernel, degree: number, ridge: number, h: number[], isShare: boolean}} Fit */

/**
 * Examples: x (n, d) row by row, sorted where d is 1; y and weights (n), of mean 1.
 * @typedef {{d: number, n: number, x: Float64Array, y: Float64Array, w: Float64Array}} Rows
 */

/**
 * Means (m), the sum of the squares of their weights l, each by its row's weight, sum l^2 / s (m), and where the places are the examples, the weight of each in its own mean (n).
 * @typedef {{mean: Float64Array, squares: Float64Array, own: Float64Array}} Pooled
 */

// Below this part of the largest a weight of the Gaussian changes no digit.
const FARTHEST = 83;

// A row's part in its own mean from which the others are known to too few digits.
const OWN = 1 - 1e-6;

/**
 * The products of d variables up to a degree, as exponents, the lower ones first.
 * @param {number} d
 * @param {number} degree
 * @returns {number[][]}
 */
function productsOf(d, degree) {
  /** @type {number[][]} */
  let all = [[]];
  for (let j = 0; j < d; j++) {
    all = all.flatMap(left => Array.from({ length: degree + 1 }, (_, k) => [...left, k]));
  }
  const sum = (/** @type {number[]} */ of) => of.reduce((a, b) => a + b, 0);
  return all.filter(of => sum(of) <= degree).sort((a, b) => sum(a) - sum(b));
}

/**
 * The first place of a sorted array that is not below a value.
 * @param {Float64Array} sorted
 * @param {number} value
 */
function firstNotBelow(sorted, value) {
  let [low, high] = [0, sorted.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (sorted[middle] < value) { low = middle + 1; } else { high = middle; }
  }
  return low;
}

/**
 * The distance from a place to the nearest examples' farthest, of a share of them, for one sorted feature.
 * @param {Rows} rows
 * @param {number} q
 * @param {number} share
 */
function distanceOfShare(rows, q, share) {
  const count = Math.min(rows.n, Math.max(1, Math.floor((share * rows.n) + 1e-5)));
  let left = firstNotBelow(rows.x, q) - 1;
  let right = left + 1;
  let far = 0;
  for (let k = 0; k < count; k++) {
    const [a, b] = [left >= 0 ? q - rows.x[left] : Infinity, right < rows.n ? rows.x[right] - q : Infinity];
    far = Math.min(a, b);
    if (a < b) { left--; } else { right++; }
  }
  // All of them are at the place: the nearest other one, and 1 where there is none.
  while (far === 0 && (left >= 0 || right < rows.n)) {
    const [a, b] = [left >= 0 ? q - rows.x[left] : Infinity, right < rows.n ? rows.x[right] - q : Infinity];
    far = Math.min(a, b);
    if (a < b) { left--; } else { right++; }
  }
  return far > 0 ? far : 1;
}

/**
 * Solves A x = b for a symmetric matrix (k, k), row by row, which is overwritten. Terms that the examples leave open are 0.
 * @param {Float64Array} A
 * @param {number} k
 * @param {Float64Array[]} of the right sides, overwritten by the solutions
 */
function solve(A, k, of) {
  const open = new Uint8Array(k);
  for (let j = 0; j < k; j++) {
    const whole = A[(j * k) + j];
    let pivot = whole;
    for (let i = 0; i < j; i++) { pivot -= A[(j * k) + i] * A[(j * k) + i] * A[(i * k) + i]; }
    open[j] = pivot > 1e-13 * whole ? 0 : 1;
    A[(j * k) + j] = open[j] ? 1 : pivot;
    for (let r = j + 1; r < k; r++) {
      let sum = A[(r * k) + j];
      for (let i = 0; i < j; i++) { sum -= A[(r * k) + i] * A[(j * k) + i] * A[(i * k) + i]; }
      A[(r * k) + j] = open[j] ? 0 : sum / pivot;
    }
    if (open[j]) { for (let i = 0; i < j; i++) { A[(j * k) + i] = 0; } }
  }
  for (const b of of) {
    for (let j = 0; j < k; j++) {
      if (open[j]) { b[j] = 0; continue; }
      for (let i = 0; i < j; i++) { b[j] -= A[(j * k) + i] * b[i]; }
    }
    for (let j = k - 1; j >= 0; j--) {
      if (open[j]) { continue; }
      b[j] /= A[(j * k) + j];
      for (let i = j + 1; i < k; i++) { b[j] -= A[(i * k) + j] * b[i]; }
    }
  }
}

/**
 * The weights K of examples at a place, relative to the nearest's where the kernel is the Gaussian: in `weights` from `first` to `end`.
 * `raised` is the logarithm of what they were divided by.
 */
class Reach {
  /** @param {Rows} rows @param {Fit} fit */
  constructor(rows, fit) {
    this.rows = rows;
    this.fit = fit;
    this.weights = new Float64Array(rows.n);
    this.h = fit.h.slice();
    this.first = 0;
    this.end = rows.n;
    this.raised = 0;
  }

  /** @param {Float64Array} places @param {number} at the number of the place @param {number} skipped the row that is not to count */
  look(places, at, skipped = -1) {
    const { rows, fit, weights, h } = this;
    const { d, n, x } = rows;
    const q = places[at * d];
    if (fit.isShare) { h[0] = distanceOfShare(rows, q, fit.h[0]); }
    const { powers } = fit.kernel;
    const isGaussian = powers.length === 0;
    let nearest = Infinity;
    [this.first, this.end] = [0, n];
    if (d === 1) {
      let right = firstNotBelow(x, q);
      let left = right - 1;
      if (right === skipped) { right++; }
      if (left === skipped) { left--; }
      const gap = Math.min(left >= 0 ? q - x[left] : Infinity, right < n ? x[right] - q : Infinity) / h[0];
      const reach = (isGaussian ? Math.sqrt((gap * gap) + FARTHEST) : 1) * h[0];
      this.first = firstNotBelow(x, q - reach);
      this.end = firstNotBelow(x, q + reach * (1 + 1e-15));
      nearest = gap * gap;
    }
    for (let i = this.first; i < this.end; i++) {
      let square = 0;
      for (let j = 0; j < d; j++) {
        const u = (x[(i * d) + j] - places[(at * d) + j]) / h[j];
        square += u * u;
      }
      weights[i] = square;
      if (square < nearest && i !== skipped) { nearest = square; }
    }
    this.raised = isGaussian ? nearest / 2 : 0;
    for (let i = this.first; i < this.end; i++) {
      if (isGaussian) {
        weights[i] = Math.exp((nearest - weights[i]) / 2);
      } else {
        const r = Math.sqrt(weights[i]);
        let k = 0;
        for (let p = powers.length - 1; p >= 0; p--) { k = (k * r) + powers[p]; }
        weights[i] = r < 1 ? k : 0;
      }
    }
    if (skipped >= 0) { weights[skipped] = 0; }
  }
}

/**
 * The share of each example in the mean of a place by its weights alone, which is what the book calls attention: they add up to 1.
 * @param {Reach} reach
 * @param {Float64Array} place (d)
 * @param {Float64Array} shares where they go (n)
 */
function attention(reach, place, shares) {
  reach.look(place, 0);
  const { first, end, weights, rows } = reach;
  let sum = 0;
  shares.fill(0);
  for (let i = first; i < end; i++) { sum += shares[i] = rows.w[i] * weights[i]; }
  for (let i = first; i < end && sum > 0; i++) { shares[i] /= sum; }
}

/**
 * Fits at places (m, d); NaN where no example is in reach.
 * @param {Rows} rows
 * @param {Float64Array} places
 * @param {Fit} fit
 * @param {boolean} areRows whether the places are the examples
 * @param {number} skipped the example that no place is to see
 * @returns {Pooled}
 */
function pool(rows, places, fit, areRows = false, skipped = -1) {
  const { d, x, y, w } = rows;
  const m = places.length / d;
  const products = productsOf(d, fit.degree);
  const k = products.length;
  const [mean, squares, own] = [new Float64Array(m), new Float64Array(m), new Float64Array(areRows ? m : 0)];
  const reach = new Reach(rows, fit);
  const A = new Float64Array(k * k);
  const [b, l, z] = [new Float64Array(k), new Float64Array(k), new Float64Array(k)];
  const moments = new Float64Array((2 * fit.degree) + 1);

  /** @param {number} i @param {number} at */
  const setProducts = (i, at) => {
    for (let t = 0; t < k; t++) {
      let product = 1;
      for (let j = 0; j < d; j++) {
        const u = (x[(i * d) + j] - places[(at * d) + j]) / reach.h[j];
        for (let e = 0; e < products[t][j]; e++) { product *= u; }
      }
      z[t] = product;
    }
  };

  for (let at = 0; at < m; at++) {
    reach.look(places, at, skipped);
    const { first, end, weights } = reach;
    A.fill(0);
    b.fill(0);
    if (d === 1) {
      moments.fill(0);
      const q = places[at];
      for (let i = first; i < end; i++) {
        const u = (x[i] - q) / reach.h[0];
        let power = w[i] * weights[i];
        for (let t = 0; t < moments.length; t++) {
          moments[t] += power;
          if (t < k) { b[t] += power * y[i]; }
          power *= u;
        }
      }
      for (let r = 0; r < k; r++) { for (let c = 0; c <= r; c++) { A[(r * k) + c] = moments[r + c]; } }
    } else {
      for (let i = first; i < end; i++) {
        const weight = w[i] * weights[i];
        if (weight === 0) { continue; }
        setProducts(i, at);
        for (let r = 0; r < k; r++) {
          b[r] += weight * z[r] * y[i];
          for (let c = 0; c <= r; c++) { A[(r * k) + c] += weight * z[r] * z[c]; }
        }
      }
    }
    if (!(A[0] > 0)) {
      mean[at] = squares[at] = NaN;
      if (areRows) { own[at] = NaN; }
      continue;
    }
    const ridge = fit.ridge > 0 ? Math.min(fit.ridge * Math.exp(Math.min(reach.raised, 600)), 1e260) : 0;
    for (let t = 1; t < k; t++) { A[(t * k) + t] += ridge; }
    l.fill(0);
    l[0] = 1;
    solve(A, k, [b, l]);
    mean[at] = b[0];
    let sum = 0;
    for (let i = first; i < end; i++) {
      let part = 0;
      if (d === 1) {
        const u = (x[i] - places[at]) / reach.h[0];
        for (let t = k - 1; t >= 0; t--) { part = (part * u) + l[t]; }
      } else if (weights[i] > 0) {
        setProducts(i, at);
        for (let t = 0; t < k; t++) { part += l[t] * z[t]; }
      }
      part *= w[i] * weights[i];
      if (part !== 0) { sum += part * part / w[i]; }
    }
    squares[at] = sum;
    if (areRows) { own[at] = w[at] * weights[at] * l[0]; }
  }
  return { mean, squares, own };
}

/**
 * The mean square of the leave-one-out errors, e_i / (1 - l_ii), and the degrees of freedom, sum l_ii.
 * @param {Rows} rows
 * @param {Fit} fit
 */
function leaveOneOut(rows, fit) {
  const { n, d, x, y, w } = rows;
  const at = pool(rows, x, fit, true);
  let [square, total, freedom] = [0, 0, 0];
  for (let i = 0; i < n; i++) {
    let error = (y[i] - at.mean[i]) / (1 - at.own[i]);
    if (at.own[i] > OWN) {
      // Hardly anything is left of the others: they are asked alone, and where none is in reach the nearest one is.
      const others = pool(rows, x.subarray(i * d, (i + 1) * d), fit, false, i).mean[0];
      error = y[i] - (Number.isFinite(others) ? others : y[nearestTo(rows, i)]);
    }
    square += w[i] * error * error;
    total += w[i];
    freedom += at.own[i];
  }
  return { error: square / total, freedom };
}

/** @param {Rows} rows @param {number} i */
function nearestTo({ n, d, x }, i) {
  let [best, least] = [-1, Infinity];
  for (let o = 0; o < n; o++) {
    let square = 0;
    for (let j = 0; j < d; j++) { square += (x[(o * d) + j] - x[(i * d) + j]) ** 2; }
    if (o !== i && square < least) { [best, least] = [o, square]; }
  }
  return best;
}
