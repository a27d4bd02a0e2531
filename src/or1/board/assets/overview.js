// Overview: the summary in words, advisories, curves.

function runSummary(run, number, several) {
  const name = several
    ? el("h2", { class: "run-name" }, el("i", { class: "swatch", background: seriesColor(number) }), run.label) : null;
  return el("section", { class: "run" }, name,
    el("div", { class: "tiles" }, run.tiles.map((tile) => el("div", { class: "tile" },
      el("div", { class: "label" }, tile.label), el("div", { class: "value" }, tile.value), el("div", { class: "note" }, tile.note)))),
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

function advisoryView(advisory, data) {
  return el("article", { class: "advisory" },
    el("h3", {}, advisory.title),
    el("p", {}, `${advisory.evidence}.`),
    el("p", {}, "Try ", el("code", {}, `--set ${advisory.assignment}`), `: ${advisory.reason}. `, panelLink(advisory.metric, data)));
}

function adviceView(data) {
  const several = data.runs.length > 1;
  const found = data.runs.filter((run) => run.advisories.length);
  if (!found.length) return [el("h2", {}, "Advice"), el("p", { class: "quiet" }, "Nothing looks wrong.")];
  return found.flatMap((run) => [
    el("h2", {}, several ? `Advice for ${run.label}` : "Advice"),
    el("div", { class: "advice" }, run.advisories.map((advisory) => advisoryView(advisory, data))),
  ]);
}

function overviewView(data, state) {
  const several = data.runs.length > 1;
  plots.clear();
  const smooth = el("input", { type: "checkbox", checked: state.smooth, on: { change: (event) => { state.smooth = event.target.checked; drawAll(); } } });
  return el("div", {},
    data.runs.map((run, number) => runSummary(run, number, several)),
    adviceView(data),
    el("div", { class: "tools" }, el("h2", {}, "Curves"),
      el("span", { class: "quiet small" }, "Drag to enlarge a part, double-click to see all; a legend entry hides its curve."),
      el("label", { class: "check push" }, smooth, "smooth")),
    el("div", { class: "grid", on: { keydown: plotKeys } }, data.panels.map((panel) => panelView(panel, data, state))));
}
