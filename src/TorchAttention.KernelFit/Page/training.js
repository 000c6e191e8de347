// The chapter's training: one w for all, the Gaussian of w times the distance, the error of each row from the others, gradient descent.

// So many rows a step: the chapter takes ten of fifty.
const BATCH = 256;
const RATE = 1.5;
const LARGEST_STEP = 0.25;

class Training {
  /**
   * @param {Rows} rows
   * @param {number} w the first w, in deviations of each feature
   */
  constructor(rows, w) {
    this.rows = rows;
    this.w = w;
    this.seed = 1;
    const { n, d, x, y } = rows;
    const deviation = (/** @type {(i: number) => number} */ of) => {
      let [mean, square] = [0, 0];
      for (let i = 0; i < n; i++) { mean += of(i) / n; }
      for (let i = 0; i < n; i++) { square += (of(i) - mean) ** 2 / n; }
      return Math.sqrt(square) || 1;
    };
    this.scales = Array.from({ length: d }, (_, j) => deviation(i => x[(i * d) + j]));
    this.variance = deviation(i => y[i]) ** 2;
    /** @type {{w: number, loss: number}[]} */
    this.steps = [];
  }

  /** The bandwidths (d) of the w that is reached. */
  get bandwidths() {
    return this.scales.map(scale => scale / this.w);
  }

  /** A step: the loss before it, half the mean square of the errors. */
  step() {
    const { rows: { n, d, x, y, w: weights }, scales, w } = this;
    const count = Math.min(n, BATCH);
    let [loss, slope] = [0, 0];
    for (let k = 0; k < count; k++) {
      const i = n <= BATCH ? k : this.next(n);
      let [sum, mean, sumSlope, meanSlope] = [0, 0, 0, 0];
      for (let o = 0; o < n; o++) {
        if (o === i) { continue; }
        let square = 0;
        for (let j = 0; j < d; j++) {
          const u = (x[(i * d) + j] - x[(o * d) + j]) * w / scales[j];
          square += u * u;
        }
        if (square > FARTHEST) { continue; }
        const weight = weights[o] * Math.exp(-square / 2);
        sum += weight;
        mean += weight * y[o];
        sumSlope -= square * weight;
        meanSlope -= square * weight * y[o];
      }
      if (sum === 0) { continue; }
      mean /= sum;
      const error = y[i] - mean;
      loss += error * error / 2;
      slope -= error * ((meanSlope / sum) - (mean * sumSlope / sum));
    }
    loss /= count;
    this.steps.push({ w, loss });
    const change = -RATE * slope / count / this.variance;
    this.w = w * Math.exp(Math.max(-LARGEST_STEP, Math.min(LARGEST_STEP, change)));
    return loss;
  }

  // A row by chance, the same ones each time the page is opened.
  /** @param {number} n */
  next(n) {
    this.seed = (Math.imul(this.seed, 1664525) + 1013904223) >>> 0;
    return Math.floor(this.seed / 4294967296 * n);
  }
}
