// A training while it runs: the page asks for its state and draws what is new.

/**
 * @typedef {{version: number, title: string, says: string, isDone: boolean, x: string, y: string,
 *   losses: {name: string, x: number[], y: number[]}[], epochs: number[], numbers: {name: string, values: number[]}[],
 *   examples: {x: number[], y: number[]}, curve: {x: number[], y: (number | null)[]}, heat: {width: number, weights: number[]}}} State
 */

(() => {
  const PAUSE = 300;
  const COLORS = ["--mark", "--hot", "--soft", "--ink"];

  /** @type {any} */
  let lossPlot = null;
  /** @type {any} */
  let numbersPlot = null;
  /** @type {any} */
  let curvePlot = null;
  let version = -1;

  // Lines with places of their own on one axis.
  /** @param {{x: number[], y: (number | null)[]}[]} lines */
  const joined = lines => uPlot.join(lines.map(line => [line.x, line.y]));

  /** @param {string[]} names */
  const series = names => [{}, ...names.map((label, i) => ({
    label, stroke: () => color(COLORS[i % COLORS.length]), width: 2, points: { show: false }, spanGaps: true,
  }))];

  /** @param {State} state */
  function draw(state) {
    byId("live-title").textContent = document.title = state.title;
    byId("board-say").textContent = state.says;
    const losses = state.losses.filter(line => line.x.length > 0);
    if (losses.length > 0) {
      lossPlot ??= chart(byId("board-loss"), 240, {
        scales: { x: { time: false } }, axes: [axis("epoch", "number", 46), axis("loss", "number", 62)], series: series(losses.map(one => one.name)),
      }, joined(losses));
      lossPlot.setData(joined(losses));
    }
    byId("board-numbers-figure").hidden = state.numbers.length === 0;
    if (state.numbers.length > 0) {
      numbersPlot ??= chart(byId("board-numbers"), 240, {
        scales: { x: { time: false } }, axes: [axis("epoch", "number", 46), axis("", "number", 62)], series: series(state.numbers.map(one => one.name)),
      }, [[], ...state.numbers.map(() => [])]);
      numbersPlot.setData([state.epochs, ...state.numbers.map(one => one.values)]);
      byId("board-numbers-text").textContent = `What is learned: ${state.numbers.map(one => `${one.name} = ${shown(one.values.at(-1))}`).join(", ")}.`;
    }
    byId("board-curve-figure").hidden = state.curve.x.length === 0;
    if (state.curve.x.length > 0) {
      curvePlot ??= chart(byId("board-curve"), 240, {
        scales: { x: { time: false } }, axes: [axis(state.x, "number", 46), axis(state.y, "number", 62)],
        series: [{}, { stroke: () => color("--mark"), width: 2.5, points: { show: false } }, { paths: () => null, points: { show: false } }],
        hooks: { drawAxes: [(/** @type {any} */ of) => {
          const style = faint("--ink", 0.5);
          circles(of, state.examples.x, state.examples.y, () => style);
        }] },
      }, [[], [], []]);
      const [least, most] = [Math.min(...state.examples.y), Math.max(...state.examples.y)];
      curvePlot.setData([state.curve.x, state.curve.y, state.curve.x.map((_, i) => i % 2 ? least : most)]);
    }
    const { width, weights } = state.heat;
    if (width > 0) { heatmap(byId("live-heatmap"), Float64Array.from(weights), width, weights.length / width, -10); }
  }

  async function follow() {
    try {
      const response = await fetch(`/state?version=${version}`);
      if (response.status === 200) {
        /** @type {State} */
        const state = await response.json();
        version = state.version;
        draw(state);
        Object.assign(window, { board: { state } });
        if (state.isDone) { return; }
      }
      setTimeout(follow, PAUSE);
    } catch {
      byId("board-say").textContent += " The training's process has ended.";
    }
  }
  follow();
})();
