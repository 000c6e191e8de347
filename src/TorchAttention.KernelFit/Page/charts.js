// What is drawn. uPlot draws axes and lines; rows, bars and the place that is looked at are drawn on its canvas.

/** @param {string} name */
const color = name => getComputedStyle(document.documentElement).getPropertyValue(name).trim();

/** @param {string} id @returns {any} */
const byId = id => document.getElementById(id);

/**
 * A number as people read it.
 * @param {number | null | undefined} value
 * @param {string} kind
 */
function shown(value, kind = "number") {
  if (value === null || value === undefined || !Number.isFinite(value)) { return "none"; }
  if (kind === "date" || kind === "instant") {
    const text = new Date(value * 864e5).toISOString();
    return text.endsWith("T00:00:00.000Z") ? text.slice(0, 10) : text.slice(0, 16).replace("T", " ");
  }
  return String(Number(value.toPrecision(4)));
}

/** @param {string} kind */
const ticks = kind => (/** @type {any} */ _, /** @type {number[]} */ values) => {
  const days = kind === "date" || kind === "instant";
  const step = values.length > 1 ? values[1] - values[0] : 1;
  return values.map(value => value === null ? "" : !days ? String(Number(value.toPrecision(6)))
    : step >= 1 ? new Date(value * 864e5).toISOString().slice(0, 10) : shown(value, kind));
};

// The ends of a scale of powers are no round numbers, and weights may be tiny.
const fewDigits = (/** @type {any} */ _, /** @type {number[]} */ values) => values.map(value => value === null ? ""
  : value !== 0 && Math.abs(value) < 1e-3 ? value.toExponential(1).replace(".0e", "e") : String(Number(value.toPrecision(2))));

/** @param {string} label @param {string} kind @param {number} size */
const axis = (label, kind, size) => ({
  label: label || undefined, size, labelSize: 20, stroke: () => color("--soft"), grid: { stroke: () => color("--line"), width: 1 },
  ticks: { stroke: () => color("--line"), width: 1 }, values: ticks(kind), font: "12px system-ui, sans-serif",
  labelFont: "12px system-ui, sans-serif",
});

/** @param {string} token @param {number} alpha */
function faint(token, alpha) {
  const hex = color(token).slice(1);
  return `rgba(${[0, 2, 4].map(i => parseInt(hex.slice(i, i + 2), 16)).join(", ")}, ${alpha})`;
}

/**
 * A chart in an element, as wide as that.
 * @param {HTMLElement} element
 * @param {number} height
 * @param {any} options of uPlot
 * @param {any[]} data
 */
function chart(element, height, options, data) {
  const plot = new uPlot({
    width: Math.max(200, element.clientWidth), height, legend: { show: false }, cursor: { drag: { x: false, y: false }, points: { show: false } },
    ...options,
  }, data, element);
  new ResizeObserver(() => {
    const width = Math.max(200, element.clientWidth);
    if (Math.abs(width - plot.width) > 1) { plot.setSize({ width, height }); }
  }).observe(element);
  return plot;
}

/**
 * Circles on a chart's canvas.
 * @param {any} plot
 * @param {ArrayLike<number>} x
 * @param {ArrayLike<number>} y
 * @param {(i: number) => string | null} fill null for a row that is left out
 * @param {CanvasRenderingContext2D} ctx where, the chart's own canvas or one as large
 */
function circles(plot, x, y, fill, ctx = plot.ctx) {
  const ratio = devicePixelRatio;
  const radius = (x.length > 2000 ? 1.2 : x.length > 300 ? 2 : 3) * ratio;
  ctx.save();
  ctx.beginPath();
  ctx.rect(plot.bbox.left, plot.bbox.top, plot.bbox.width, plot.bbox.height);
  ctx.clip();
  for (let i = 0; i < x.length; i++) {
    const [left, top] = [plot.valToPos(x[i], "x", true), plot.valToPos(y[i], "y", true)];
    const style = fill(i);
    ctx.beginPath();
    if (style === null) {
      ctx.strokeStyle = color("--hot");
      ctx.lineWidth = 1.5 * ratio;
      const arm = radius + (2 * ratio);
      ctx.moveTo(left - arm, top - arm); ctx.lineTo(left + arm, top + arm);
      ctx.moveTo(left - arm, top + arm); ctx.lineTo(left + arm, top - arm);
      ctx.stroke();
    } else if (x.length > 2000) {
      ctx.fillStyle = style;
      ctx.fillRect(left - radius, top - radius, 2 * radius, 2 * radius);
    } else {
      ctx.fillStyle = style;
      ctx.arc(left, top, radius, 0, 2 * Math.PI);
      ctx.fill();
    }
  }
  ctx.restore();
}

/** @param {any} plot @param {number} x @param {string} style */
function uprightLine(plot, x, style) {
  const { ctx, bbox } = plot;
  const left = plot.valToPos(x, "x", true);
  if (!(left >= bbox.left - 1 && left <= bbox.left + bbox.width + 1)) { return; }
  ctx.save();
  ctx.strokeStyle = style;
  ctx.lineWidth = 1.5 * devicePixelRatio;
  ctx.beginPath();
  ctx.moveTo(left, bbox.top);
  ctx.lineTo(left, bbox.top + bbox.height);
  ctx.stroke();
  ctx.restore();
}

/** @param {any} plot @param {ArrayLike<number>} x @param {Float64Array} shares */
function bars(plot, x, shares) {
  const { ctx, bbox } = plot;
  const bottom = bbox.top + bbox.height;
  ctx.save();
  ctx.strokeStyle = color("--mark");
  ctx.lineWidth = (x.length > 500 ? 1 : 2) * devicePixelRatio;
  ctx.beginPath();
  for (let i = 0; i < x.length; i++) {
    if (shares[i] > 0) {
      const left = plot.valToPos(x[i], "x", true);
      ctx.moveTo(left, bottom);
      ctx.lineTo(left, plot.valToPos(shares[i], "y", true));
    }
  }
  ctx.stroke();
  ctx.restore();
}

// From the page's ground to a full colour.
const HEAT = [[68, 1, 84], [59, 82, 139], [33, 145, 140], [94, 201, 98], [253, 231, 37]];

/**
 * A matrix of weights, the largest in the brightest colour.
 * @param {HTMLCanvasElement} canvas
 * @param {Float64Array} weights (height, width)
 * @param {number} width
 * @param {number} height
 * @param {number} lit the row that is framed
 */
function heatmap(canvas, weights, width, height, lit) {
  let most = 0;
  for (const weight of weights) { most = Math.max(most, weight); }
  const image = new ImageData(width, height);
  for (let i = 0; i < weights.length; i++) {
    const part = most > 0 && weights[i] > 0 ? Math.sqrt(weights[i] / most) * (HEAT.length - 1) : 0;
    const below = Math.min(HEAT.length - 2, Math.floor(part));
    for (let c = 0; c < 3; c++) {
      image.data[(4 * i) + c] = HEAT[below][c] + ((part - below) * (HEAT[below + 1][c] - HEAT[below][c]));
    }
    image.data[(4 * i) + 3] = 255;
  }
  const small = document.createElement("canvas");
  [small.width, small.height] = [width, height];
  /** @type {CanvasRenderingContext2D} */ (small.getContext("2d")).putImageData(image, 0, 0);
  [canvas.width, canvas.height] = [canvas.clientWidth * devicePixelRatio, canvas.clientHeight * devicePixelRatio];
  const ctx = /** @type {CanvasRenderingContext2D} */ (canvas.getContext("2d"));
  ctx.imageSmoothingEnabled = false;
  ctx.drawImage(small, 0, 0, canvas.width, canvas.height);
  const row = canvas.height / height;
  ctx.strokeStyle = "#fff";
  ctx.lineWidth = 2 * devicePixelRatio;
  ctx.strokeRect(1, (lit * row) - 1, canvas.width - 2, row + 2);
}
