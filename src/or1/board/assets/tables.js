// Evaluations, settings and provenance as tables.

function evaluationView(data) {
  const parts = data.runs.filter((run) => run.scores.length).map((run) => evaluationTable(run, data.runs.length > 1));
  return el("div", {}, parts.length ? parts : el("p", { class: "empty" }, "No evaluation yet."));
}

function evaluationTable(run, several) {
  const sources = [...new Set(run.scores.flatMap((s) => Object.keys(s)))].filter((k) => k.startsWith("avg_at_k/")).sort();
  const columns = ["step", `avg@${run.scores[0].samples_per_problem}`, "95 % CI", "problems", "truncated", "no answer", "mean length",
    ...sources.map((key) => key.slice("avg_at_k/".length))];
  const percent = (value) => (value === undefined ? SVG_BLANK : `${(100 * value).toFixed(1)} %`);
  const rows = run.scores.map((s) => ({ cells: [
    String(s.step), s.avg_at_k.toFixed(3), `${s.avg_at_k_low.toFixed(3)} to ${s.avg_at_k_high.toFixed(3)}`,
    shortNumber(s.num_problems), percent(s.truncated_fraction), percent(s.no_answer_fraction), shortNumber(s.response_tokens_mean),
    ...sources.map((key) => (key in s ? s[key].toFixed(3) : SVG_BLANK)),
  ] }));
  return el("section", {}, el("h2", {}, several ? run.label : "Evaluations"), table(columns, rows, columns.map((_, i) => i)));
}

function settingsView(data) {
  return el("div", {}, data.runs.map((run) => runSettings(run, data.runs.length > 1)));
}

function runSettings(run, several) {
  const rows = run.settings.rows;
  const differs = (row) => row.default !== row.value;
  const body = el("div", {});
  const show = (all) => body.replaceChildren(table(["setting", "value", run.settings.beside],
    rows.filter((row) => all || differs(row)).map((row) => ({
      class: all && differs(row) ? "differs" : "",
      cells: [el("code", {}, row.key), el("code", {}, row.value), row.default === null ? SVG_BLANK : el("code", {}, row.default)],
    }))));
  const box = el("input", { type: "checkbox", on: { change: (event) => show(event.target.checked) } });
  show(false);
  const count = rows.filter(differs).length;
  const changes = run.changes.map((c) => ({ cells: [`step ${c.step}`, el("code", {}, c.setting), String(c.from), String(c.to)] }));
  return el("section", {},
    el("div", { class: "tools" }, el("h2", {}, several ? `Settings of ${run.label}` : "Settings"),
      el("span", { class: "quiet small" }, `${count} of ${rows.length} differ from the ${run.settings.beside}`),
      el("label", { class: "check push" }, box, "show all")),
    count || rows.length === 0 ? body : el("div", {}, body),
    changes.length ? [el("h2", {}, "Changed by a resume"), table(["after", "setting", "from", "to"], changes)] : null,
    el("h2", {}, "Provenance and environment"),
    table(["fact", "value"], [{ cells: ["folder", run.folder] }, ...run.provenance.map(([key, value]) => ({ cells: [el("code", {}, key), String(value)] }))]));
}

/** Tables of facts: [[title, [[name, value]]]]. */
function factsView(facts) {
  return el("div", {}, facts.map(([title, rows]) => [
    el("h2", {}, title),
    table(["name", "value"], rows.map(([name, value]) => ({ cells: [el("code", {}, name), el("code", {}, value)] }))),
  ]));
}
