// Overview: the summary in words, advisories, curves.

/** Figures side by side: {label, value, note} each. */
function tilesView(tiles) {
  return el("div", { class: "tiles" }, tiles.map((tile) => el("div", { class: "tile" },
    el("div", { class: "label" }, tile.label), el("div", { class: "value" }, tile.value), el("div", { class: "note" }, tile.note))));
}

function runSummary(run, number, several) {
  const name = several
    ? el("h2", { class: "run-name" }, el("i", { class: "swatch", background: seriesColor(number) }), run.label) : null;
  return el("section", { class: "run" }, name,
    tilesView(run.tiles),
    el("p", { class: "prose" }, run.sentences.join(" ")));
}

/** A button that scrolls to the panel of a metric, where there is one. */
function panelLink(metric, data) {
  const panel = data.panels.find((p) => p.curves.some((c) => c.key === metric));
  if (!panel) return null;
  return el("button", { type: "button", class: "link small", on: { click: () => {
    const card = document.getElementById(`panel-${panel.id}`);
    card.scrollIntoView({ block: "center" });
    card.classList.add("flash");
    card.querySelector(".plot").focus({ preventScroll: true });
    setTimeout(() => card.classList.remove("flash"), 2000);
  } } }, "show the curve");
}

function advisoryView(advisory, data, label) {
  return el("article", { class: "advisory" },
    label ? el("p", { class: "small" }, label) : null,
    el("h3", {}, advisory.title),
    el("p", {}, `${advisory.evidence}.`),
    el("p", {}, "Try ", el("code", {}, `--set ${advisory.assignment}`), `: ${advisory.reason}. `, panelLink(advisory.metric, data)));
}

function adviceView(data) {
  const several = data.runs.length > 1;
  const found = data.runs.flatMap((run) => run.advisories.map((advisory) => advisoryView(advisory, data, several ? run.label : "")));
  return [el("h2", {}, "Advice"), found.length ? el("div", { class: "advice" }, found) : el("p", { class: "quiet" }, "Nothing looks wrong.")];
}

/** The figures of the end of each arm: mean over its seeds, and their range. */
function armsTable(arms) {
  const names = Object.keys(arms[0].ends);
  const cell = (figure, seeds) => {
    if (!figure) return SVG_BLANK;
    const [mean, lowest, highest] = figure.map(shortNumber);
    return seeds === 1 ? mean : `${mean} (${lowest} to ${highest})`;
  };
  const rows = arms.map((arm, number) => ({ cells: [
    el("span", { class: "arm" }, el("i", { class: "swatch", background: seriesColor(number) }), arm.label), String(arm.runs.length),
    ...names.map((name) => cell(arm.ends[name], arm.runs.length))] }));
  return [el("h2", {}, "Arms"), table(["arm", "seeds", ...names], rows, [1, ...names.map((_, i) => i + 2)]),
    el("p", { class: "quiet small" }, "Mean at the end of the runs of an arm, with the smallest and the largest value over its seeds.")];
}

/** The summaries of the runs; those of the seeds of arms are folded. */
function summaries(data) {
  const found = data.runs.map((run, number) => runSummary(run, number, data.runs.length > 1));
  return data.arms.length ? [armsTable(data.arms), el("details", { class: "each" }, el("summary", {}, `Each of the ${found.length} runs`), found)] : found;
}

function overviewView(data, state) {
  plots.clear();
  const smooth = el("input", { type: "checkbox", checked: state.smooth, on: { change: (event) => { state.smooth = event.target.checked; drawAll(); } } });
  const bands = el("input", { type: "checkbox", checked: state.bands, on: { change: (event) => { state.bands = event.target.checked; show("overview"); } } });
  return el("div", {},
    summaries(data),
    adviceView(data),
    el("div", { class: "tools" }, el("h2", {}, "Curves"),
      el("span", { class: "quiet small" }, "Drag to enlarge a part, double-click to see all; a legend entry hides its curve."),
      el("span", { class: "push" }), data.arms.length ? el("label", { class: "check" }, bands, "bands over seeds") : null,
      el("label", { class: "check" }, smooth, "smooth")),
    el("div", { class: "grid", on: { keydown: plotKeys } }, data.panels.map((panel) => panelView(panel, data, state))));
}
