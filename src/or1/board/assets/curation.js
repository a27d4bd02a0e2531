// The page of a curation: the funnel from rows read to rows kept, and rows that each reason took.

const words = (name) => name.replaceAll("_", " ");
/** A row of a table: numbers with commas. */
const rowOf = (values) => ({ cells: values.map((value) => (typeof value === "number" ? thousands(value) : value)) });

function shareBar(number, total, name) {
  const bar = el("i", { class: name });
  bar.style.width = `${total ? (100 * number) / total : 0}%`;
  return el("div", { class: "share-bar", "aria-hidden": "true" }, bar);
}

/** A stage: the rows left after it, and a button for each reason that shows some of its rows. */
function stageView(stage, data, examples, show) {
  const largest = Math.max(...data.stages.flatMap((s) => s.reasons.map((r) => r.rows)));
  const taken = stage.reasons.reduce((sum, reason) => sum + reason.rows, 0);
  return el("section", { class: "stage" },
    el("header", {}, el("h3", {}, words(stage.stage)), el("span", {}, `\u2212${thousands(taken)}`), el("b", {}, `${thousands(stage.left)} left`)),
    shareBar(stage.left, data.num_read, "left"),
    el("div", { class: "reasons" }, stage.reasons.map((reason) => el("button", { type: "button", class: "reason", on: { click: () => show(stage.stage, reason.reason) } },
      el("span", { class: "reason-name" }, words(reason.reason)), el("span", { class: "reason-rows" }, thousands(reason.rows)), shareBar(reason.rows, largest, "taken"),
      el("span", { class: "quiet small" }, reason.about),
      el("span", { class: "example" }, examples.get(`${stage.stage}/${reason.reason}`) || "")))));
}

function funnelView(data, state) {
  const place = el("div", { class: "funnel" });
  const show = (stage, reason) => { state.filter = { stage, reason }; choose("rows"); };
  const draw = (packed) => {
    const examples = new Map();
    for (const row of rowsOf(packed.columns)) {
      const key = `${row.stage}/${row.reason}`;
      if (!examples.has(key)) examples.set(key, beginning(row.text));
    }
    return el("div", {}, data.stages.map((stage) => stageView(stage, data, examples, show)));
  };
  place.append(unpackedView(state, 0, draw));
  const percent = (number) => `${((100 * number) / Math.max(1, data.num_read)).toFixed(1)} % of the rows`;
  const removed = data.num_read - data.num_kept;
  return el("div", {},
    tilesView([
      { label: "rows read", value: thousands(data.num_read), note: `from ${data.sources.length} source${data.sources.length === 1 ? "" : "s"}` },
      { label: "kept", value: thousands(data.num_kept), note: percent(data.num_kept) },
      { label: "removed", value: thousands(removed), note: percent(removed) },
    ]),
    el("h2", {}, "Funnel"),
    el("p", { class: "quiet small" }, "A row is counted where it leaves first. A reason opens some of the rows that it took."),
    place,
    data.notes.length ? el("p", { class: "prose" }, `Kept with a note: ${data.notes.map(([note, rows]) => `${thousands(rows)} ${words(note)}`).join(", ")}.`) : null,
    data.difficulties.map(difficultyView),
    el("h2", {}, "Sources"),
    table(["source", "licence", "read", "kept", "repeats"], data.sources.map(rowOf), [2, 3, 4]),
    data.benchmarks.length ? [el("h2", {}, "Benchmarks kept out"),
      table(["benchmark", "problems", "of them in the sources", "rows removed"], data.benchmarks.map(rowOf), [1, 2, 3])] : null);
}

/** Problems by pass rate of a model, in bins of equal width. */
function difficultyView({ model, shares }) {
  const largest = Math.max(...shares);
  const rows = shares.map((number, i) => ({ cells: [`${(i / shares.length).toFixed(3)} to ${((i + 1) / shares.length).toFixed(3)}`, thousands(number), shareBar(number, largest, "left")] }));
  return [el("h2", {}, `Problems kept, by pass rate of ${model}`), table(["pass rate", "problems", ""], rows, [1])];
}

function fillCurated(node, row) {
  if (!node.parts) {
    node.parts = [el("div", { class: "row-top" }), el("div", { class: "row-end" })];
    node.append(el("div", { class: "row-text" }, ...node.parts));
    node.classList.add("plain-row");
  }
  row.line ??= beginning(row.text);
  node.parts[0].textContent = row.line || SVG_BLANK;
  node.parts[1].textContent = `${row.stage === "kept" ? "kept" : words(row.reason)} \u00b7 ${row.source}`;
}

function rowsView(data, packed, state) {
  const all = rowsOf(packed.columns);
  const about = new Map(data.stages.flatMap((stage) => stage.reasons.map((reason) => [reason.reason, reason.about])));
  return listBrowser("rows", all, {
    chosen: state.filter || {},
    fields: [
      { name: "stage", kind: "select", choices: valuesOf(all, "stage", words), test: (row, value) => row.stage === value },
      { name: "reason", kind: "select", choices: valuesOf(all, "reason", words), test: (row, value) => row.reason === value },
      { name: "source", kind: "select", choices: valuesOf(all, "source"), test: (row, value) => row.source === value },
      { name: "text", kind: "text", hint: "in text, place or evidence", test: (row, value) => holds([row.text, row.place, ...row.evidence.map(([, text]) => text)], value) },
    ],
    orders: { "as in the sources": null, "longest": (a, b) => b.text.length - a.text.length, "shortest": (a, b) => a.text.length - b.text.length },
    fill: fillCurated,
    detail: (row) => curatedDetail(row, about),
    count: (found) => `${thousands(found.length)} of ${thousands(all.length)} rows in this page: of each reason, and of the rows kept, a sample chosen by a hash.`,
  });
}

function curatedDetail(row, about) {
  const other = row.evidence.find(([key]) => key === "other_text");
  const facts = row.evidence.filter(([key]) => key !== "other_text");
  const text = (title, content) => el("div", {}, el("h3", { class: "part" }, title), el("pre", { class: "text" }, visible(content)));
  const isKept = row.stage === "kept";
  return [
    el("h2", {}, isKept ? "Kept" : `Removed: ${words(row.reason)}`),
    isKept ? null : el("p", { class: "quiet" }, `Stage ${words(row.stage)}: ${about.get(row.reason)}.`),
    el("dl", { class: "facts" }, fact("source", row.source), fact(isKept ? "problem" : "place", row.place),
      row.gold === null ? null : fact("gold answer", visible(row.gold)), facts.map(([key, value]) => fact(words(key), visible(value)))),
    el("div", { class: other ? "pair" : "" }, text(other ? "This row" : "Text", row.text), other ? text("The other one", other[1]) : null),
  ];
}
