// Curves: one uPlot per panel, with stage boundaries, a legend of buttons, and a cursor that all panels share.

const FEW_STEPS = 24;
const SMOOTHING_STEPS = 9;
const plots = new Map();

/** Centred mean over the values that are there; null where the value itself is missing. */
function smoothed(values) {
  const half = Math.floor(Math.min(SMOOTHING_STEPS, values.length / 4) / 2);
  return values.map((value, i) => {
    if (value === null) return null;
    const window = values.slice(Math.max(0, i - half), i + half + 1).filter((v) => v !== null);
    return window.reduce((sum, v) => sum + v, 0) / window.length;
  });
}

/** The groups of runs that share a colour: the arms of the page, or each run on its own. */
function groupsOf(data, state) {
  if (data.arms.length && state.bands) return data.arms.map((arm) => ({ label: arm.label, runs: arm.runs.map((n) => data.runs[n]) }));
  return data.runs.map((run) => ({ label: run.label, runs: [run] }));
}

/** Mean, smallest and largest value of a metric over runs, on the steps at which all of them have it. */
function overSeeds(runs, stepsOf, valuesOf) {
  if (runs.length === 1) return { steps: stepsOf(runs[0]), values: valuesOf(runs[0]) };
  const tables = runs.map((run) => {
    const values = valuesOf(run);
    return new Map(stepsOf(run).map((step, i) => [step, values[i]]));
  });
  const has = (table, step) => table.has(step) && table.get(step) !== null;
  const steps = [...tables[0].keys()].filter((step) => tables.every((table) => has(table, step)));
  const columns = steps.map((step) => tables.map((table) => table.get(step)));
  return {
    steps,
    values: columns.map((column) => column.reduce((sum, v) => sum + v, 0) / column.length),
    lowest: columns.map((column) => Math.min(...column)),
    highest: columns.map((column) => Math.max(...column)),
  };
}

/**
 * The curves of a panel: {label, color, steps, values, dash, dots, low, high, lowest, highest}. `low` and
 * `high` are intervals of single points, `lowest` and `highest` the edges of a band over seeds.
 */
function curvesOf(panel, data, state) {
  const several = data.runs.length > 1;
  if (panel.stacked) return panel.curves.map((curve, index) => curveOf(panel, curve, curve.label, index, data.runs.slice(0, 1))).filter(Boolean);
  return groupsOf(data, state).flatMap(({ label, runs }, number) => {
    const shown = several ? panel.curves.slice(0, 1) : panel.curves;
    const found = shown.map((curve, index) => curveOf(panel, curve, several ? label : curve.label, several ? number : index, runs));
    if (panel.scores && runs.every((run) => run.scores.length)) found.push(scoreCurve(runs, several ? number : 1, several));
    return found.filter(Boolean);
  });
}

function curveOf(panel, curve, label, number, runs) {
  const valuesOf = (run) => (run.series[curve.key] || []).map((v) => (v === null || (panel.log && v <= 0) ? null : v * panel.scale));
  const found = overSeeds(runs, (run) => run.steps, valuesOf);
  if (found.values.every((v) => v === null)) return null;
  return { ...found, label, color: curve.dash ? styleColor("quiet") : seriesColor(number), dash: curve.dash };
}

/** Held-out scores as points: of one run with their intervals, of several seeds with their band. */
function scoreCurve(runs, number, several) {
  const steps = (run) => run.scores.map((s) => s.step);
  const found = overSeeds(runs, steps, (run) => run.scores.map((s) => s.avg_at_k));
  const single = { low: runs[0].scores.map((s) => s.avg_at_k_low), high: runs[0].scores.map((s) => s.avg_at_k_high) };
  return {
    steps: found.steps, values: found.values, ...(runs.length === 1 ? single : { low: found.lowest, high: found.highest }),
    label: several ? "held-out" : `held-out avg@${runs[0].scores[0].samples_per_problem}`,
    color: seriesColor(number), dots: true,
  };
}

/** Values of a curve on the steps of the plot, [N], null where it has none. */
function onSteps(steps, values, xs) {
  const at = new Map(steps.map((step, i) => [step, values[i]]));
  return xs.map((x) => (at.has(x) ? at.get(x) : null));
}

/** Stage boundaries of the runs, without repeats: [{step, text}]. */
function boundaries(data) {
  const found = new Map();
  for (const run of data.runs) {
    const text = (stage) => (data.runs.length > 1 ? "" : `stage ${stage.index + 1}`);
    for (const stage of run.stages.slice(1)) found.set(stage.first_step - 0.5, text(stage));
  }
  return [...found].map(([step, text]) => ({ step, text }));
}

/** uPlot's data and series of a panel; a raw curve is pale below its mean where there are many steps. */
function prepared(panel, data, state) {
  const { smooth } = state;
  const curves = curvesOf(panel, data, state);
  const xs = [...new Set(curves.flatMap((c) => c.steps))].sort((a, b) => a - b);
  const columns = [xs], series = [{}], owner = [null], bands = [];
  const add = (curve, values, options) => { columns.push(values); series.push(options); owner.push(curve); };
  curves.forEach((curve) => { curve.shown = onSteps(curve.steps, curve.values, xs); });
  if (panel.stacked) {
    let sum = xs.map(() => 0);
    const layers = curves.map((curve) => { sum = sum.map((s, i) => s + (curve.shown[i] || 0)); return sum; });
    [...curves.keys()].reverse().forEach((i) =>
      add(curves[i], layers[i], { stroke: styleColor("card"), fill: curves[i].color, width: 1, points: { show: false } }));
    return { curves, columns, series, owner, bands };
  }
  for (const curve of curves) {
    const many = curve.values.length > FEW_STEPS && !curve.dash && !curve.dots && smooth;
    const points = { show: curve.dots || (!curve.dash && curve.values.length <= FEW_STEPS), size: curve.dots ? 7 : 5, fill: curve.color };
    const line = { stroke: curve.color, width: curve.dots ? 1 : 2, spanGaps: true, points };
    if (curve.dash) Object.assign(line, { dash: [5, 4], width: 1.25 });
    if (curve.lowest) {
      for (const edge of [curve.highest, curve.lowest]) {
        const values = onSteps(curve.steps, edge, xs);
        add(curve, many ? smoothed(values) : values, { stroke: curve.color, width: 0, spanGaps: true, points: { show: false } });
      }
      bands.push({ series: [series.length - 2, series.length - 1], fill: faded(curve.color, 0.2) });
    } else if (many) add(curve, curve.shown, { stroke: faded(curve.color, 0.25), width: 1, spanGaps: true, points: { show: false } });
    add(curve, many ? smoothed(curve.shown) : curve.shown, line);
  }
  return { curves, columns, series, owner, bands };
}

function axis(extra) {
  return {
    stroke: styleColor("quiet"), font: "11px system-ui, sans-serif", ticks: { show: false },
    grid: { stroke: styleColor("line"), width: 1 }, ...extra,
  };
}

/** Drawn over the curves: stage boundaries with their names above the plot, and intervals. */
function drawMarks(u, curves, marks) {
  const { ctx, bbox } = u;
  const ratio = devicePixelRatio;
  ctx.save();
  ctx.setLineDash([]);
  drawBoundaries(u, marks.map(({ step, text }) => ({ x: Math.round(u.valToPos(step, "x", true)), text })), ratio);
  ctx.beginPath();
  ctx.rect(bbox.left, bbox.top, bbox.width, bbox.height);
  ctx.clip();
  for (const curve of curves.filter((c) => c.low && !c.hidden)) {
    ctx.strokeStyle = curve.color;
    ctx.lineWidth = 1.5 * ratio;
    curve.steps.forEach((step, i) => {
      const x = u.valToPos(step, "x", true);
      ctx.beginPath();
      ctx.moveTo(x, u.valToPos(curve.low[i], "y", true));
      ctx.lineTo(x, u.valToPos(curve.high[i], "y", true));
      ctx.stroke();
    });
  }
  ctx.restore();
}

function drawBoundaries(u, marks, ratio) {
  const { ctx, bbox } = u;
  ctx.font = `${11 * ratio}px system-ui, sans-serif`;
  ctx.textAlign = "left";
  ctx.textBaseline = "alphabetic";
  ctx.fillStyle = styleColor("quiet");
  ctx.strokeStyle = styleColor("faint");
  ctx.lineWidth = ratio;
  let free = 0;
  for (const { x, text } of marks.filter((mark) => mark.x >= bbox.left && mark.x <= bbox.left + bbox.width)) {
    ctx.beginPath(); ctx.moveTo(x, bbox.top); ctx.lineTo(x, bbox.top + bbox.height); ctx.stroke();
    const width = ctx.measureText(text).width, left = Math.min(x, bbox.left + bbox.width - width);
    if (!text || left < free) continue; // two names would overlap
    ctx.fillText(text, left, bbox.top - 5 * ratio);
    free = left + width + 6 * ratio;
  }
}

function yRange(panel) {
  return (u, low, high) => {
    if (low === null) return [0, 1];
    if (panel.unit === "fraction") return [0, Math.max(1, high)];
    if (panel.floor === null) { const pad = (high - low || Math.abs(high) || 1) * 0.08; return [low - pad, high + pad]; }
    return [Math.min(panel.floor, low), high > panel.floor ? high * 1.08 : panel.floor + 1];
  };
}

/** A panel: title, help, plot, legend. `state.smooth` draws means over raw values. */
function panelView(panel, data, state) {
  const place = el("div", { class: "plot", tabindex: "0", role: "img", "aria-label": `${panel.title}: curves over steps. Arrow keys move along the steps.` });
  const legend = el("div", { class: "legend" });
  const several = data.runs.length > 1;
  const first = panel.curves.length && several && !panel.stacked ? `: ${panel.curves[0].label}` : "";
  const help = panel.scores && several && !data.comparable
    ? "The held-out problems or samples differ between these runs: their scores do not compare."
    : data.arms.length && state.bands && !panel.stacked ? `Mean over the seeds of an arm, on the steps that all of them have; the band is their range. ${panel.scores ? "Points are the held-out score." : ""}` : panel.help;
  const only = several && panel.stacked ? `${data.runs[0].label}. ` : "";
  const card = el("section", { class: "panel", id: `panel-${panel.id}` },
    el("header", {}, el("h3", {}, panel.title + first), el("span", { class: "unit" }, panel.unit)),
    el("p", { class: "help" }, only + help), place, legend);
  plots.set(panel.id, { panel, place, legend, draw: () => drawPanel(panel, data, state, place, legend) });
  return card;
}

function drawPanel(panel, data, state, place, legend) {
  const old = plots.get(panel.id);
  if (old.plot) old.plot.destroy();
  const { curves, columns, series, owner, bands } = prepared(panel, data, state);
  const marks = boundaries(data);
  const buttons = legendButtons(curves, panel, (curve, shown) => {
    curve.hidden = !shown;
    owner.forEach((o, i) => { if (o === curve) old.plot.setSeries(i, { show: shown }); });
  });
  legend.replaceChildren(...buttons.map((b) => b.node));
  const showValues = (index) => buttons.forEach((b) => b.set(index === null ? lastValue(b.curve) : b.curve.shown[index]));
  old.plot = new uPlot({
    width: place.clientWidth || 360, height: 210, padding: [18, 8, 0, 0], legend: { show: false },
    cursor: { sync: { key: "steps", setSeries: false }, points: { size: 6 }, drag: { x: true, y: false } },
    scales: { x: { time: false }, y: panel.log ? { distr: 3 } : { range: yRange(panel) } },
    axes: [
      axis({ size: 26, incrs: [1, 2, 5, 10, 20, 25, 50, 100, 200, 250, 500, 1000, 2000, 5000, 10000, 100000] }),
      axis({ size: 52, values: (u, ticks) => ticks.map((t) => (t === null ? "" : shortNumber(t))) }),
    ],
    series, bands,
    hooks: { draw: [(u) => drawMarks(u, curves, marks)], setCursor: [(u) => showValues(u.cursor.idx ?? null)] },
  }, columns, place);
  showValues(null);
}

function lastValue(curve) {
  return curve.shown.reduce((last, v) => (v === null ? last : v), null);
}

function legendButtons(curves, panel, onToggle) {
  return curves.map((curve) => {
    const value = el("b", {});
    const shape = panel.stacked ? "fill" : curve.dots ? "dot" : curve.dash ? "dash" : "";
    const key = el("i", { class: `key ${shape}`, color: curve.color, background: shape === "fill" || shape === "dot" ? curve.color : "none" });
    const node = el("button", { type: "button", "aria-pressed": "true", title: `show or hide ${curve.label}` }, key, el("span", {}, curve.label), value);
    node.addEventListener("click", () => {
      const shown = node.getAttribute("aria-pressed") !== "true";
      node.setAttribute("aria-pressed", String(shown));
      onToggle(curve, shown);
    });
    return { node, curve, set: (number) => { value.textContent = shortNumber(number); } };
  });
}

/** Arrow keys move the cursor of a focused plot; Home and End go to its ends; Escape shows all steps. */
function plotKeys(event) {
  const entry = [...plots.values()].find((p) => p.place === event.target);
  if (!entry || !entry.plot) return;
  const u = entry.plot, last = u.data[0].length - 1, at = u.cursor.idx ?? last;
  const next = { ArrowLeft: at - 1, ArrowRight: at + 1, Home: 0, End: last }[event.key];
  if (event.key === "Escape") u.setScale("x", { min: u.data[0][0], max: u.data[0][last] });
  if (next === undefined) return;
  event.preventDefault();
  const index = Math.max(0, Math.min(last, next));
  u.setCursor({ left: u.valToPos(u.data[0][index], "x"), top: 10 });
}

function drawAll() {
  for (const entry of plots.values()) entry.draw();
}

function resizeAll() {
  for (const entry of plots.values()) {
    const width = entry.place.clientWidth;
    if (entry.plot && width && width !== entry.plot.width) entry.plot.setSize({ width, height: 210 });
  }
}
