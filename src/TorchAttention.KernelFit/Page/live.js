// The page: what is set, what is computed from it (here, or by the server), and what is drawn.

/**
 * A curve as the program wrote it.
 * @typedef {{label: string, rows: number, x: number[], y: number[], w: number[], periods: (number | null)[], kernel: string, degree: number,
 *   ridges: number[], isShare: boolean, isOfShards: boolean, isClass: boolean, h: number[], range: [number, number][], places: number[][], medians: number[],
 *   fit?: Answer, search?: Search, computed?: Computed}} Curve
 */

/**
 * Means and intervals at the places; noise and quantiles of the fit alone where the browser fits.
 * @typedef {{mean: Numbers, lower: Numbers, upper: Numbers, newLower: Numbers, newUpper: Numbers, neighbours: Numbers, noise?: number[],
 *   quantile?: number, newQuantile?: number, error?: number, freedom?: number, places?: Numbers}} Answer
 */

/** @typedef {(number | null)[] | Float64Array} Numbers */
/** @typedef {{h: number[], error: (number | null)[]}} Search */
/** @typedef {{places: number[], h: number[], mean: number[][], lower: number[][], upper: number[][]}} Computed */

/**
 * @typedef {{name: string, data: string | null, server: string | null, target: string, about: string,
 *   features: {name: string, kind: string}[], kernels: Kernel[], corrections: [number, number, number][], mostRows: number,
 *   curvesInAll: number, labels: string[], curves: Curve[]}} Page
 */

(() => {
  /** @type {Page} */
  const page = JSON.parse(byId("live-data").textContent);
  const d = page.features.length;
  const DEGREES = ["0: constant (Nadaraya-Watson)", "1: linear", "2: quadratic", "3: cubic"];
  const SLIDER = 1000;
  const HEAT_ROWS = 80;
  const HEAT_COLUMNS = 160;

  // A search here costs rows^2 for each of so many bandwidths, and the errors rows^2.
  const MOST_SEARCHED = 1500;
  const TRIALS = 31;

  // What a browser does within a frame, and what a curve needs to look like one.
  const MOST_PAIRS = 200000;
  const FEWEST_PLACES = 80;
  const MOST_RESIDUALS = 2000;

  /** @type {Curve} */
  let curve = page.curves[0];
  /** @type {Rows} */
  let rows;
  /** @type {Set<number>} */
  let removed = new Set();
  let kernel = page.kernels[0];
  let degree = 0;
  /** @type {number[]} */
  let h = [];
  let feature = 0;
  /** @type {number[]} */
  let slice = [];
  let query = 0;
  /** @type {Answer} */
  let answer = { mean: [], lower: [], upper: [], newLower: [], newUpper: [], neighbours: [] };
  /** @type {Search} */
  let search = { h: [], error: [] };
  /** @type {Training | null} */
  let training = null;
  let isPlaying = false;
  let asked = 0;

  const isHere = () => page.server === null && !curve.computed;
  const isTooMany = () => rows.n > MOST_SEARCHED || curve.periods.some(Boolean);
  const canFitHere = () => curve.rows <= page.mostRows && !curve.isOfShards;
  const placesOf = () => curve.places[feature];
  const kindOf = (/** @type {number} */ j) => page.features[j].kind;

  // What is fitted: the rows that are left, with their images where the one feature repeats.
  function prepare() {
    const period = d === 1 ? curve.periods[0] : null;
    const kept = curve.y.map((_, i) => i).filter(i => !removed.has(i));
    const images = period ? [-period, 0, period] : [0];
    const total = curve.w.length > 0 ? kept.reduce((sum, i) => sum + curve.w[i], 0) / kept.length : 1;
    const n = kept.length * images.length;
    rows = { d, n, x: new Float64Array(n * d), y: new Float64Array(n), w: new Float64Array(n) };
    let at = 0;
    for (const image of images) {
      for (const i of kept) {
        for (let j = 0; j < d; j++) { rows.x[(at * d) + j] = curve.x[(i * d) + j] + image; }
        rows.y[at] = curve.y[i];
        rows.w[at++] = curve.w.length > 0 ? curve.w[i] / total : 1;
      }
    }
  }

  /** @returns {Fit} */
  const fit = () => ({ kernel, degree, ridge: curve.ridges[degree], h, isShare: curve.isShare });

  /** @param {Numbers} along the places of the shown feature */
  function queriesOver(along) {
    if (d === 1) { return Float64Array.from(along, Number); }
    const places = new Float64Array(along.length * d);
    for (let i = 0; i < along.length; i++) {
      for (let j = 0; j < d; j++) { places[(i * d) + j] = j === feature ? Number(along[i]) : slice[j]; }
    }
    return places;
  }

  // The curve by this browser: docs/intervals.md has the formulas; the noise is as the fit found it. While a slider moves, of many rows
  // only some places are asked.
  /** @param {boolean} isExact @returns {Answer} */
  function fitHere(isExact) {
    const all = placesOf();
    const step = isExact ? 1 : Math.min(Math.floor(all.length / FEWEST_PLACES), Math.ceil(rows.n * all.length / MOST_PAIRS)) || 1;
    const shownPlaces = all.filter((_, i) => i % step === 0 || i === all.length - 1);
    const places = queriesOver(shownPlaces);
    const at = pool(rows, places, fit());
    const none = new Float64Array(0);
    /** @type {Answer} */
    const found = {
      mean: at.mean, lower: none, upper: none, newLower: none, newUpper: none, neighbours: at.squares.map(sum => 1 / sum), places: shownPlaces,
    };
    const known = curve.fit;
    if (!known?.noise?.length || !known.quantile) { return found; }
    const [higher, times, ridge] = page.corrections[degree];
    const corrected = pool(rows, places, { ...fit(), degree: higher, ridge, h: h.map(one => one * times) });
    const [t, q] = [known.quantile, known.newQuantile ?? NaN];
    const noise = /** @type {number[]} */ (known.noise).filter((_, i) => i % step === 0 || i === all.length - 1);
    const [lower, upper, newLower, newUpper] = [0, 1, 2, 3].map(() => new Float64Array(places.length));
    for (let i = 0; i < places.length; i++) {
      const variance = noise[i] * noise[i];
      const bias = corrected.mean[i] - at.mean[i];
      const error = t * Math.sqrt((variance * corrected.squares[i]) + (bias * bias));
      const apart = q * Math.sqrt(variance * (1 + at.squares[i]));
      [lower[i], upper[i]] = [at.mean[i] - error, at.mean[i] + error];
      [newLower[i], newUpper[i]] = [at.mean[i] - apart, at.mean[i] + apart];
    }
    return { ...found, lower, upper, newLower, newUpper };
  }

  // Of too many rows for a browser: the nearest of the curves that were computed beforehand.
  /** @param {Computed} computed @returns {Answer} */
  function fitBeforehand(computed) {
    const far = computed.h.map(one => Math.abs(Math.log(one / h[0])));
    const k = far.indexOf(Math.min(...far));
    h = [computed.h[k]];
    return {
      mean: computed.mean[k], lower: computed.lower[k], upper: computed.upper[k], newLower: [], newUpper: [], neighbours: [],
      places: computed.places,
    };
  }

  /** @param {string} what @param {boolean} isExact */
  async function ask(what, isExact) {
    const response = await fetch(`${page.server}/${what}`, {
      method: "POST", headers: { "Content-Type": "application/json" },
      body: JSON.stringify({
        curve: page.labels.indexOf(curve.label), kernel: kernel.name, degree, h, feature, slice, removed: [...removed], exact: isExact,
        new: isShown("new"),
      }),
    });
    if (!response.ok) { throw new Error((await response.text()).trim()); }
    return response;
  }

  // While a slider moves only the newest question waits; when it rests the noise is measured anew and the errors are told.
  let isAsking = false;
  /** @type {boolean | null} */
  let waiting = null;
  /** @param {boolean} isExact */
  async function update(isExact) {
    asked++;
    if (isHere()) {
      answer = fitHere(isExact);
      draw();
      if (isExact) { tellErrors(asked); }
    } else if (curve.computed) {
      answer = fitBeforehand(curve.computed);
      draw();
    } else if (isAsking) {
      waiting = isExact || waiting === true;
    } else {
      isAsking = true;
      try {
        do {
          const exact = waiting ?? isExact;
          waiting = null;
          answer = await (await ask("curve", exact)).json();
          draw();
        } while (waiting !== null);
      } catch (e) {
        say(String(e instanceof Error ? e.message : e));
      } finally {
        isAsking = false;
      }
    }
  }

  /** @param {number} mine */
  function tellErrors(mine) {
    if (isTooMany()) { return; }
    setTimeout(() => {
      if (mine !== asked) { return; }
      const { error, freedom } = leaveOneOut(rows, fit());
      answer = { ...answer, error: Math.sqrt(error), freedom };
      tell();
      drawResiduals();
    }, 60);
  }

  // The newest search alone is drawn: others may end later.
  let searchesAsked = 0;
  async function updateSearch() {
    const mine = ++searchesAsked;
    try {
      const found = await searchOf(() => mine === searchesAsked);
      if (mine === searchesAsked) {
        search = found;
        searchPlot.setData([search.h, search.error]);
        tellSearch();
      }
    } catch (e) {
      say(String(e instanceof Error ? e.message : e));
    }
  }

  /** @param {() => boolean} isWanted @returns {Promise<Search>} */
  async function searchOf(isWanted) {
    if (page.server !== null) { return (await ask("search", true)).json(); }
    const isFound = kernel.name === curve.kernel && degree === curve.degree && removed.size === 0 && feature === 0;
    if (isFound && curve.search) { return curve.search; }
    /** @type {Search} */
    const found = { h: [], error: [] };
    if (isTooMany()) { return found; }
    const [least, most] = curve.range[feature];
    for (let k = 0; k < TRIALS && isWanted(); k++) {
      const width = least * ((most / least) ** (k / (TRIALS - 1)));
      const { error } = leaveOneOut(rows, { ...fit(), h: h.map((one, j) => j === feature ? width : one) });
      found.h.push(width);
      found.error.push(Number.isFinite(error) ? Math.sqrt(error) : null);
      if (k % 4 === 3) { await new Promise(resolve => setTimeout(resolve)); }
    }
    return found;
  }

  // Charts.
  const target = page.target;
  const isShown = (/** @type {string} */ what) => [what, "both"].includes(byId("live-interval").value);
  /** @param {number} j */
  const rangeOfX = j => {
    const places = curve.places[j];
    return /** @type {[number, number]} */ ([places[0], places[places.length - 1]]);
  };
  const rangeOfY = () => {
    let [least, most] = [Infinity, -Infinity];
    for (const value of curve.y) { [least, most] = [Math.min(least, value), Math.max(most, value)]; }
    const margin = most > least ? 0.12 * (most - least) : 1;
    return [least - margin, most + margin];
  };
  const xScale = () => ({ time: false, range: () => rangeOfX(feature) });
  const columnOf = (/** @type {number} */ j) => d === 1 ? curve.x : curve.y.map((_, i) => curve.x[(i * d) + j]);

  // Rows of several features are the fainter the less they weigh at the slice.
  function strengthOf() {
    if (d === 1) { return () => 1; }
    return (/** @type {number} */ i) => {
      let square = 0;
      for (let j = 0; j < d; j++) {
        if (j !== feature) { square += ((curve.x[(i * d) + j] - slice[j]) / h[j]) ** 2; }
      }
      return Math.max(0.06, Math.exp(-square / 2));
    };
  }

  // The rows are drawn once, and again where they or their place change.
  const rowsLayer = document.createElement("canvas");
  let rowsKey = "";
  /** @param {any} of */
  function drawRows(of) {
    const { width, height } = of.ctx.canvas;
    const key = [curve.label, feature, [...removed], d > 1 ? [slice, h] : "", width, height, of.bbox.left, color("--ink")].join(";");
    if (key !== rowsKey) {
      rowsKey = key;
      [rowsLayer.width, rowsLayer.height] = [width, height];
      const strength = strengthOf();
      const styles = Array.from({ length: 21 }, (_, k) => faint("--ink", 0.55 * k / 20));
      circles(of, columnOf(feature), curve.y, i => removed.has(i) ? null : styles[Math.ceil(20 * strength(i))],
        /** @type {CanvasRenderingContext2D} */ (rowsLayer.getContext("2d")));
    }
    of.ctx.drawImage(rowsLayer, 0, 0);
  }

  const plot = chart(byId("live-plot"), 340, {
    scales: { x: xScale(), y: { range: rangeOfY } },
    axes: [axis(page.features[0].name, kindOf(0), 46), axis(target, "number", 62)],
    series: [
      {},
      { width: 0, points: { show: false } }, { width: 0, points: { show: false } },
      { width: 0, points: { show: false } }, { width: 0, points: { show: false } },
      { stroke: () => color("--mark"), width: 2.5, points: { show: false } },
    ],
    bands: [
      { series: [4, 3], fill: () => faint("--hot", 0.16) },
      { series: [2, 1], fill: () => faint("--mark", 0.22) },
    ],
    hooks: {
      drawAxes: [(/** @type {any} */ of) => {
        drawRows(of);
      }],
      draw: [(/** @type {any} */ of) => uprightLine(of, query, color("--hot"))],
      ready: [(/** @type {any} */ of) => of.over.addEventListener("click", (/** @type {MouseEvent} */ e) => clicked(of, e))],
    },
  }, [[], [], [], [], [], []]);

  /** @type {Float64Array} */
  let shares = new Float64Array(0);
  const weightsPlot = chart(byId("live-weights"), 130, {
    scales: { x: xScale(), y: { range: (/** @type {any} */ _, /** @type {number} */ __, /** @type {number} */ most) => [0, (most || 1) * 1.08] } },
    axes: [axis("", kindOf(0), 26), { ...axis("weight", "number", 62), values: fewDigits }],
    series: [{}, { paths: () => null, points: { show: false } }],
    hooks: { draw: [(/** @type {any} */ of) => { bars(of, columnOfRows(), shares); uprightLine(of, query, color("--hot")); }] },
  }, [[], []]);

  const residualsPlot = chart(byId("live-residuals"), 150, {
    scales: { x: xScale() },
    axes: [axis("", kindOf(0), 26), axis("residual", "number", 62)],
    series: [{}, { paths: () => null, points: { show: false } }],
    hooks: {
      draw: [(/** @type {any} */ of) => {
        const style = faint("--ink", 0.55);
        circles(of, of.data[0], of.data[1], () => style);
        of.ctx.save();
        of.ctx.strokeStyle = color("--mark");
        const zero = of.valToPos(0, "y", true);
        of.ctx.beginPath(); of.ctx.moveTo(of.bbox.left, zero); of.ctx.lineTo(of.bbox.left + of.bbox.width, zero); of.ctx.stroke();
        of.ctx.restore();
      }],
    },
  }, [[], []]);

  const searchPlot = chart(byId("live-search"), 240, {
    scales: { x: { time: false, distr: 3, range: () => curve.range[feature] } },
    axes: [{ ...axis(curve.isShare ? "share of the rows" : "bandwidth", "number", 46), values: fewDigits }, axis("leave-one-out error", "number", 62)],
    series: [{}, { stroke: () => color("--mark"), width: 2, points: { show: false } }],
    hooks: {
      draw: [(/** @type {any} */ of) => uprightLine(of, h[feature], color("--hot"))],
      ready: [(/** @type {any} */ of) => drag(of)],
    },
  }, [[], []]);

  const trainingPlot = chart(byId("live-training"), 240, {
    scales: { x: { time: false } },
    axes: [axis("step", "number", 46), axis("loss", "number", 62)],
    series: [{}, { stroke: () => color("--mark"), width: 2 }],
  }, [[], []]);

  // The bandwidth follows the hand on the search.
  /** @param {any} of */
  function drag(of) {
    const follow = (/** @type {PointerEvent} */ e) => {
      const [least, most] = curve.range[feature];
      h[feature] = Math.min(most, Math.max(least, of.posToVal(e.clientX - of.over.getBoundingClientRect().left, "x")));
      showWidths();
      moved(false);
    };
    of.over.addEventListener("pointerdown", (/** @type {PointerEvent} */ e) => { of.over.setPointerCapture(e.pointerId); follow(e); });
    of.over.addEventListener("pointermove", (/** @type {PointerEvent} */ e) => { if (e.buttons > 0) { follow(e); } });
    of.over.addEventListener("pointerup", () => moved(true));
  }

  /** @param {any} of @param {MouseEvent} e */
  function clicked(of, e) {
    const box = of.over.getBoundingClientRect();
    const [left, top] = [e.clientX - box.left, e.clientY - box.top];
    const column = columnOf(feature);
    let [best, nearest] = [-1, 12];
    for (let i = 0; i < curve.y.length; i++) {
      const apart = Math.hypot(of.valToPos(column[i], "x") - left, of.valToPos(curve.y[i], "y") - top);
      if (apart < nearest) { [best, nearest] = [i, apart]; }
    }
    if (best >= 0 && canFitHere()) { toggle(best); } else { look(of.posToVal(left, "x")); }
  }

  /** @param {number} i */
  function toggle(i) {
    if (!removed.delete(i)) { removed.add(i); }
    byId("live-back").disabled = removed.size === 0;
    prepare();
    updateSearch();
    update(true);
  }

  /** @param {number} x */
  function look(x) {
    const [least, most] = rangeOfX(feature);
    query = Math.min(most, Math.max(least, x));
    byId("live-query").value = String(Math.round(SLIDER * (query - least) / (most - least)));
    drawQuery();
    plot.redraw(false);
  }

  const nearestPlace = () => {
    const places = answer.places ?? placesOf();
    let best = 0;
    for (let i = 1; i < places.length; i++) {
      if (Math.abs(Number(places[i]) - query) < Math.abs(Number(places[best]) - query)) { best = i; }
    }
    return best;
  };

  const columnOfRows = () => d === 1 ? rows.x : Float64Array.from({ length: rows.n }, (_, i) => rows.x[(i * d) + feature]);

  function drawQuery() {
    const at = d === 1 ? Float64Array.of(query) : Float64Array.from(slice, (value, j) => j === feature ? query : value);
    shares = new Float64Array(rows.n);
    attention(new Reach(rows, fit()), at, shares);
    let most = 0;
    for (const share of shares) { most = Math.max(most, share); }
    weightsPlot.setData([rangeOfX(feature), [0, most]]);
    drawHeat();
    const place = nearestPlace();
    const unit = kindOf(feature);
    byId("live-query-value").textContent = shown(query, unit);
    byId("live-weights-text").textContent =
      `The weight of each row${curve.isOfShards ? " that is drawn" : ""} at ${page.features[feature].name} = ${shown(query, unit)}; together they are 1.`;
    const numbers = [
      [page.features[feature].name, shown(Number((answer.places ?? placesOf())[place]), unit)],
      [`mean of ${target}`, shown(answer.mean[place])],
      ["interval of the mean", `${shown(answer.lower[place])} to ${shown(answer.upper[place])}`],
      ["interval of new observations", `${shown(answer.newLower[place])} to ${shown(answer.newUpper[place])}`],
      ["effective neighbours", shown(answer.neighbours[place])],
    ];
    byId("live-numbers").tBodies[0].replaceChildren(...numbers.map(([name, value]) => {
      const row = document.createElement("tr");
      const [head, cell] = [document.createElement("th"), document.createElement("td")];
      head.scope = "row";
      [head.textContent, cell.textContent] = [name, value];
      row.append(head, cell);
      return row;
    }));
  }

  let heatAsked = 0;
  function drawHeat() {
    const mine = ++heatAsked;
    const work = () => {
      if (mine !== heatAsked) { return; }
      const [least, most] = rangeOfX(feature);
      const columns = Math.min(HEAT_COLUMNS, rows.n);
      const order = Array.from({ length: rows.n }, (_, i) => i);
      if (d > 1) { order.sort((a, b) => rows.x[(a * d) + feature] - rows.x[(b * d) + feature]); }
      const weights = new Float64Array(HEAT_ROWS * columns);
      const [reach, of] = [new Reach(rows, fit()), new Float64Array(rows.n)];
      for (let r = 0; r < HEAT_ROWS; r++) {
        const place = least + ((most - least) * r / (HEAT_ROWS - 1));
        const at = d === 1 ? Float64Array.of(place) : Float64Array.from(slice, (value, j) => j === feature ? place : value);
        attention(reach, at, of);
        for (let i = 0; i < rows.n; i++) { weights[(r * columns) + Math.floor(i * columns / rows.n)] += of[order[i]]; }
      }
      heatmap(byId("live-heatmap"), weights, columns, HEAT_ROWS, Math.round((HEAT_ROWS - 1) * (query - least) / (most - least)));
    };
    if (rows.n <= 300) { work(); } else { setTimeout(work, 60); }
  }

  function drawResiduals() {
    if (d > 1) { return; }
    const places = answer.places ?? placesOf();
    const [x, y] = [/** @type {number[]} */ ([]), /** @type {number[]} */ ([])];
    let right = 1;
    const step = Math.ceil(curve.y.length / MOST_RESIDUALS);
    for (let i = 0; i < curve.y.length; i += step) {
      if (removed.has(i)) { continue; }
      while (right < places.length - 1 && Number(places[right]) < curve.x[i]) { right++; }
      const [from, to] = [Number(places[right - 1]), Number(places[right])];
      const [below, above] = [Number(answer.mean[right - 1] ?? NaN), Number(answer.mean[right] ?? NaN)];
      const part = Math.min(1, Math.max(0, (curve.x[i] - from) / (to - from)));
      const value = part === 0 ? below : part === 1 ? above : below + (part * (above - below));
      if (Number.isFinite(value)) { x.push(curve.x[i]); y.push(curve.y[i] - value); }
    }
    residualsPlot.setData([x, y]);
  }

  function draw() {
    const places = answer.places ?? placesOf();
    const empty = Array.from(places, () => null);
    const finite = (/** @type {Numbers} */ of) => Array.from(of, value => value !== null && Number.isFinite(value) ? value : null);
    const part = (/** @type {Numbers} */ of, /** @type {boolean} */ isWanted) => isWanted && of.length > 0 ? finite(of) : empty;
    plot.setData([
      Array.from(places), part(answer.lower, isShown("mean")), part(answer.upper, isShown("mean")), part(answer.newLower, isShown("new")),
      part(answer.newUpper, isShown("new")), finite(answer.mean),
    ]);
    drawResiduals();
    searchPlot.redraw(false);
    drawQuery();
    tell();
  }

  const bandwidthText = () => d === 1 ? shown(h[0]) : page.features.map((one, j) => `${shown(h[j])} (${one.name})`).join(", ");

  function tell() {
    const parts = [`${curve.isShare ? "share" : "h"} = ${bandwidthText()}`];
    if (Number.isFinite(answer.error)) { parts.push(`leave-one-out error ${shown(answer.error)}`); }
    if (Number.isFinite(answer.freedom)) { parts.push(`${shown(answer.freedom)} degrees of freedom`); }
    if (removed.size > 0) { parts.push(`${removed.size} left out`); }
    if (training) { parts.push(`w = ${shown(training.w)} per deviation after ${training.steps.length} steps`); }
    say(`${parts.join("; ")}.`);
    const hasBand = answer.lower.length > 0;
    const noise = isHere() && hasBand ? " The noise is what the fit found at its own bandwidth." : "";
    byId("live-plot-text").textContent = `${target} over ${page.features[feature].name}: ${kernel.name} kernel, degree ${degree}, `
      + `${curve.isShare ? "share" : "h"} = ${bandwidthText()}.${!hasBand && d > 1 && page.server === null ? " A file has no interval of several features." : ""}`
      + `${noise}${curve.y.length < curve.rows ? ` ${curve.y.length} of ${curve.rows} rows are drawn.` : ""}`
      + `${canFitHere() ? " Click a row to leave it out." : ""}`;
  }

  function tellSearch() {
    const known = search.error.filter(one => one !== null);
    const least = Math.min(.../** @type {number[]} */ (known));
    const place = search.error.indexOf(least);
    byId("live-search-text").textContent = known.length === 0 ? (curve.isOfShards ? "The error over the bandwidth is known of one feature and the gaussian kernel."
        : "No search for this kernel and degree here: the rows are too many for a browser.")
      : `The leave-one-out error over the ${curve.isShare ? "share" : "bandwidth"} (root of the mean square): least near ${shown(search.h[place])}. `
        + "Drag it.";
  }

  const say = (/** @type {string} */ text) => { byId("live-say").textContent = text; };

  /** @param {boolean} isExact */
  function moved(isExact) {
    for (const [j, part] of widthParts.entries()) { part.show(h[j]); }
    update(isExact);
  }

  // Controls.
  /** @param {string} id @param {[string, string][]} choices @param {string} chosen */
  function fill(id, choices, chosen) {
    byId(id).replaceChildren(...choices.map(([value, text]) => {
      const option = document.createElement("option");
      [option.value, option.textContent, option.selected] = [value, text, value === chosen];
      return option;
    }));
  }

  /** @type {{show: (value: number) => void}[]} */
  let widthParts = [];
  const showWidths = () => widthParts.forEach((part, j) => part.show(h[j]));

  /**
   * A slider with a field for the number itself.
   * @param {HTMLElement} into
   * @param {string} name
   * @param {string} id
   * @param {(part: number) => number} from what the slider says, from 0 to 1
   * @param {(value: number) => number} to
   * @param {(value: number, isExact: boolean) => void} take
   */
  function slider(into, name, id, from, to, take) {
    const label = document.createElement("label");
    const [range, number, both] = [document.createElement("input"), document.createElement("input"), document.createElement("span")];
    Object.assign(range, { type: "range", min: "0", max: String(SLIDER), step: "1", id });
    Object.assign(number, { type: "number", step: "any", id: `${id}-number` });
    range.setAttribute("aria-label", `${name}, slider`);
    number.setAttribute("aria-label", name);
    label.append(`${name} `);
    both.append(range, number);
    label.append(both);
    into.append(label);
    const show = (/** @type {number} */ value) => {
      range.value = String(Math.round(SLIDER * to(value)));
      if (document.activeElement !== number) { number.value = String(Number(value.toPrecision(5))); }
      range.setAttribute("aria-valuetext", shown(value));
    };
    range.addEventListener("input", () => { const value = from(Number(range.value) / SLIDER); take(value, false); show(value); });
    range.addEventListener("change", () => take(from(Number(range.value) / SLIDER), true));
    number.addEventListener("change", () => {
      const value = Number(number.value);
      if (Number.isFinite(value) && number.value !== "") { take(value, true); }
    });
    return { show };
  }

  function showControls() {
    fill("live-kernel", page.kernels.map(one => [one.name, one.name]), kernel.name);
    fill("live-degree", DEGREES.map((text, i) => /** @type {[string, string]} */ ([String(i), text])).filter((_, i) => i <= (curve.isClass ? 0 : curve.isOfShards ? 1 : 3)),
      String(degree));
    fill("live-feature", page.features.map((one, j) => [String(j), one.name]), String(feature));
    byId("live-feature-label").hidden = d === 1;
    byId("live-residuals-figure").hidden = d > 1;
    byId("live-remove").hidden = !canFitHere();
    byId("live-back").hidden = !canFitHere();
    byId("live-play").hidden = byId("live-step").hidden = !canFitHere() || curve.isShare || curve.periods.some(Boolean);
    byId("live-save-model").hidden = page.server === null || curve.isOfShards;
    byId("live-copy-code").hidden = curve.isOfShards;
    byId("live-interval").disabled = curve.isClass || (page.server === null && d > 1)
      || (curve.isOfShards && (d > 1 || page.labels.length > 1));
    for (const option of byId("live-interval").options) { option.disabled = Boolean(curve.computed) && option.value.match(/new|both/) !== null; }
    byId("live-kernel").disabled = byId("live-degree").disabled = Boolean(curve.computed);
    byId("live-widths").replaceChildren();
    widthParts = page.features.map((one, j) => {
      const [least, most] = curve.range[j];
      const name = curve.isShare ? "Share of the rows" : d === 1 ? "Bandwidth" : `Bandwidth of ${one.name}`;
      return slider(byId("live-widths"), name, `live-width-${j}`, part => least * ((most / least) ** part),
        value => Math.log(value / least) / Math.log(most / least),
        (value, isExact) => { if (value > 0) { h[j] = curve.isShare ? Math.min(1, value) : value; update(isExact); } });
    });
    showWidths();
    byId("live-slices").replaceChildren();
    for (const [j, one] of page.features.entries()) {
      if (d > 1 && j !== feature) {
        const [least, most] = rangeOfX(j);
        slider(byId("live-slices"), `${one.name} held at`, `live-slice-${j}`, part => least + ((most - least) * part),
          value => (value - least) / (most - least), (value, isExact) => { slice[j] = value; update(isExact); }).show(slice[j]);
      }
    }
    plot.axes[0].label = page.features[feature].name;
    for (const one of [plot, weightsPlot, residualsPlot]) { one.axes[0].values = ticks(kindOf(feature)); }
    const found = !curve.isOfShards ? "As fitted" : d === 1 && page.labels.length === 1 ? "By the leave-one-out error of all rows"
      : "By some of the rows, and their number";
    byId("live-about").textContent = `${curve.label ? `${page.about} ${curve.label}: ` : ""}${curve.rows} rows`
      + `${page.data ? ` of ${page.data}` : ""}. ${found}: ${curve.kernel} kernel, degree ${curve.degree}, `
      + `${curve.isShare ? "share" : "bandwidth"} ${curve.h.map(one => shown(one)).join(", ")}.`
      + `${page.server === null && page.curvesInAll > page.curves.length ? ` The ${page.curves.length} largest of ${page.curvesInAll} groups.` : ""}`;
  }

  /** @param {string} label */
  async function choose(label) {
    curve = page.curves.find(one => one.label === label)
      ?? page.curves[page.curves.push(await (await fetch(`${page.server}/curves/${page.labels.indexOf(label)}`)).json()) - 1];
    stop();
    training = null;
    byId("live-training-figure").hidden = true;
    removed = new Set();
    kernel = page.kernels.find(one => one.name === curve.kernel) ?? page.kernels[0];
    degree = curve.degree;
    h = curve.h.slice();
    slice = curve.medians.slice();
    feature = Math.min(feature, d - 1);
    prepare();
    showControls();
    const [least, most] = rangeOfX(feature);
    query = least + ((most - least) * 0.4);
    byId("live-query").value = String(SLIDER * 0.4);
    await update(true);
    await updateSearch();
  }

  // The training.
  function step() {
    if (!training) {
      training = new Training(rows, 0.5);
      [kernel, degree] = [page.kernels[0], 0];
      showControls();
      byId("live-training-figure").hidden = false;
      updateSearch();
    }
    training.step();
    h = training.bandwidths;
    trainingPlot.setData([training.steps.map((_, i) => i), training.steps.map(one => one.loss)]);
    byId("live-training-text").textContent =
      `The error of each row from the others over the steps, half its mean square; w = ${shown(training.w)} per deviation of x, h = ${bandwidthText()}.`;
    moved(!isPlaying);
  }

  function play() {
    if (!isPlaying) { return; }
    step();
    if (training && training.steps.length % 200 === 0) { stop(); } else { setTimeout(() => requestAnimationFrame(play), 60); }
  }

  function stop() {
    isPlaying = false;
    byId("live-play").setAttribute("aria-pressed", "false");
    byId("live-play").textContent = "Play the training";
  }

  // What is taken away from the page.
  const number = (/** @type {number} */ value) => String(Number(value.toPrecision(15)));

  function code() {
    const width = curve.isShare ? `Bandwidth.Nearest(${number(h[0])})` : `Bandwidth.Fixed(${h.map(number).join(", ")})`;
    const ridge = degree > 0 && curve.ridges[degree] > 0 ? `\n    Ridge = ${number(curve.ridges[degree])},` : "";
    return `// x: the columns ${page.features.map(one => one.name).join(", ")}, row by row; y: ${target}.\n`
      + `KernelRegression model = KernelRegression.Fit(x, y, ${d}, new KernelRegressionOptions\n{\n`
      + `    Kernel = SmoothingKernel.${kernel.name[0].toUpperCase()}${kernel.name.slice(1)},\n    Degree = ${degree},${ridge}\n    Bandwidth = ${width},\n});\n`;
  }

  function command() {
    const quoted = (/** @type {string} */ text) => /^[\w./,=+-]+$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`;
    const width = curve.isShare ? `nn=${number(h[0])}` : h.map(number).join(",");
    if (curve.isOfShards) {
      return `kernelfit predict --shards ${quoted(page.data ?? "manifest.json")} --kernel ${kernel.name} --degree ${degree} --bandwidth ${width} queries.csv\n`;
    }
    const ridge = degree > 0 ? ` --ridge ${number(curve.ridges[degree])}` : "";
    return `kernelfit fit ${quoted(page.data ?? "data.csv")} --x ${quoted(page.features.map(one => one.name).join(","))} --y ${quoted(target)} `
      + `--kernel ${kernel.name} --degree ${degree}${ridge} --bandwidth ${width}\n`;
  }

  /** @param {string} text @param {string} what */
  async function copy(text, what) {
    byId("live-copied").textContent = text;
    byId("live-copied").hidden = false;
    try {
      await navigator.clipboard.writeText(text);
      say(`${what} is copied.`);
    } catch {
      say(`${what} is below, to be copied by hand.`);
    }
  }

  /** @param {Blob | null} blob @param {string} name */
  function save(blob, name) {
    if (!blob) { return; }
    const link = document.createElement("a");
    link.href = URL.createObjectURL(blob);
    link.download = name;
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 1000);
  }

  function savePicture() {
    /** @type {HTMLCanvasElement} */
    const drawn = plot.ctx.canvas;
    const canvas = document.createElement("canvas");
    [canvas.width, canvas.height] = [drawn.width, drawn.height];
    const ctx = /** @type {CanvasRenderingContext2D} */ (canvas.getContext("2d"));
    ctx.fillStyle = getComputedStyle(document.body).backgroundColor;
    if (ctx.fillStyle === "#00000000" || /, 0\)$/.test(String(ctx.fillStyle))) {
      ctx.fillStyle = matchMedia("(prefers-color-scheme: dark)").matches ? "#0d1117" : "#fff";
    }
    ctx.fillRect(0, 0, canvas.width, canvas.height);
    ctx.drawImage(drawn, 0, 0);
    canvas.toBlob(blob => save(blob, `${page.name}.png`));
  }

  /** @param {string} id @param {string} event @param {(value: string) => void} take */
  const on = (id, event, take) => byId(id).addEventListener(event, (/** @type {Event} */ e) => take(
    /** @type {HTMLInputElement} */ (e.target).value));
  on("live-kernel", "change", value => {
    kernel = page.kernels.find(one => one.name === value) ?? kernel;
    update(true);
    updateSearch();
  });
  on("live-degree", "change", value => { degree = Number(value); update(true); updateSearch(); });
  on("live-feature", "change", value => {
    feature = Number(value);
    showControls();
    const [least, most] = rangeOfX(feature);
    look((least + most) / 2);
    update(true);
    updateSearch();
  });
  on("live-interval", "change", () => page.server === null ? draw() : update(true));
  on("live-query", "input", value => {
    const [least, most] = rangeOfX(feature);
    look(least + ((most - least) * Number(value) / SLIDER));
  });
  on("live-curve-choice", "change", value => choose(value));
  on("live-found", "click", () => {
    kernel = page.kernels.find(one => one.name === curve.kernel) ?? kernel;
    [degree, h] = [curve.degree, curve.h.slice()];
    showControls();
    update(true);
    updateSearch();
  });
  on("live-remove", "click", () => {
    const column = columnOf(feature);
    let best = -1;
    for (let i = 0; i < curve.y.length; i++) {
      if (!removed.has(i) && (best < 0 || Math.abs(column[i] - query) < Math.abs(column[best] - query))) { best = i; }
    }
    if (best >= 0 && curve.y.length - removed.size > 3) { toggle(best); }
  });
  on("live-back", "click", () => { removed.clear(); byId("live-back").disabled = true; prepare(); updateSearch(); update(true); });
  on("live-step", "click", () => { stop(); step(); });
  on("live-play", "click", () => {
    if (isPlaying) { stop(); moved(true); return; }
    training = null;
    isPlaying = true;
    byId("live-play").setAttribute("aria-pressed", "true");
    byId("live-play").textContent = "Stop";
    play();
  });
  on("live-copy-code", "click", () => copy(code(), "The code"));
  on("live-copy-command", "click", () => copy(command(), "The command"));
  on("live-save-picture", "click", () => savePicture());
  on("live-save-model", "click", () => ask("model", true).then(async response => save(await response.blob(), `${page.name}.safetensors`)));
  byId("live-controls").addEventListener("submit", (/** @type {Event} */ e) => e.preventDefault());
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => {
    for (const one of [plot, weightsPlot, residualsPlot, searchPlot, trainingPlot]) { one.redraw(); }
  });
  new ResizeObserver(() => drawHeat()).observe(byId("live-heatmap"));

  byId("live-title").textContent = `${target} over ${page.features.map(one => one.name).join(", ")}`;
  byId("live-curve-label").hidden = page.labels.length < 2;
  byId("live-curve-label").firstChild.textContent = `${page.about} `;
  fill("live-curve-choice", (page.server === null ? page.curves.map(one => one.label) : page.labels).map(one => [one, one || "all"]),
    page.labels[0]);

  // For tests and for the curious: what is drawn.
  Object.assign(window, { live: { get answer() { return answer; }, get places() { return answer.places ?? placesOf(); }, get h() { return h; },
    get search() { return search; }, get shares() { return shares; }, get isAsking() { return isAsking; } } });
  choose(page.curves[0].label);
})();
