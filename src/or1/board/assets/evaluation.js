// The page of an evaluation: scores with their intervals, and the samples as a grid of problems by samples.

/** A score from 0 to 1 on a line: the interval of the same problems is thick, that of other problems thin. */
function scoreBar(score) {
  const place = (name, low, high) => {
    const node = el("i", { class: name });
    node.style.left = `${100 * low}%`;
    node.style.width = `${100 * (high - low)}%`;
    return node;
  };
  return el("div", { class: "score-bar", "aria-hidden": "true" }, place("wide", ...score.problems), place("narrow", ...score.run), place("point", score.score, score.score));
}

function scoresView(data) {
  const [name, part, problems, metric, value, ...others] = data.head;
  const columns = [name, part, problems, metric, value, "from 0 to 100", ...others];
  const rows = data.scores.map((score) => ({
    class: score.is_whole ? "whole" : "",
    cells: [...score.cells.slice(0, 5), scoreBar(score), ...score.cells.slice(5)],
  }));
  return el("div", {},
    el("p", { class: "prose" }, data.protocol),
    el("h2", {}, "Scores"),
    table(columns, rows, [2, 3, 4, 6, 7, 8, 9, 10, 11, 12]),
    el("p", { class: "quiet small" }, "Points of 100, 95 % intervals. The thick line is the interval over new samples of the same problems, the thin one that over other problems like these. A score from a range counts the samples without a verdict as incorrect, and as correct."),
    data.notes.map((note) => el("p", { class: "prose" }, note)));
}

/** The problems of the page, each with its `samples` in order. */
function solvedOf(packed) {
  const samples = rolloutsOf(packed);
  for (const problem of packed.problems) problem.samples = [];
  for (const sample of samples) sample.problem.samples.push(sample);
  for (const problem of packed.problems) {
    problem.right = problem.samples.filter((s) => s.outcome === "right").length;
    problem.share = problem.samples.length ? problem.right / problem.samples.length : -1;
    problem.at = 0;
  }
  return packed.problems;
}

/** Writes a problem into a row of the list: its question, a cell for each sample, the share that is correct. */
function fillProblem(node, problem) {
  if (!node.parts) {
    node.parts = [el("div", { class: "row-top" }), el("div", { class: "cells" }), el("div", { class: "row-facts" })];
    const [top, cells, facts] = node.parts;
    node.append(el("div", { class: "row-text" }, top, cells), facts);
    node.classList.add("grid-row");
  }
  const [top, cells, facts] = node.parts;
  problem.line ??= beginning(problem.question || problem.id);
  top.textContent = problem.line;
  while (cells.children.length < problem.samples.length) cells.append(el("i", {}));
  while (cells.children.length > problem.samples.length) cells.lastChild.remove();
  problem.samples.forEach((sample, i) => {
    const [glyph, label, color] = VERDICTS[sample.outcome], cell = cells.children[i];
    cell.className = `cell ${color}${i === problem.at ? " at" : ""}`;
    cell.textContent = glyph;
    cell.title = `sample ${sample.index}: ${label}`;
  });
  facts.textContent = problem.left_out ? "left out" : `${problem.right}/${problem.samples.length}`;
}

const PROBLEM_ORDERS = {
  "as in the data": null,
  "fewest correct": (a, b) => a.share - b.share,
  "most correct": (a, b) => b.share - a.share,
  "nearest to one half": (a, b) => Math.abs(a.share - 0.5) - Math.abs(b.share - 0.5),
};

function samplesView(packed) {
  const problems = solvedOf(packed);
  const outcomes = [...new Set(packed.columns.outcome)];
  const some = (test) => (problem, value) => {
    const at = problem.samples.findIndex((sample) => test(sample, value));
    if (at >= 0) problem.at = at;
    return at >= 0;
  };
  const several = new Set(problems.map((p) => p.benchmark)).size > 1;
  const sources = valuesOf(problems, "source");
  const move = (event, problem, actions) => {
    const to = { ArrowLeft: problem.at - 1, ArrowRight: problem.at + 1 }[event.key];
    if (to === undefined || !problem.samples[to]) return;
    event.preventDefault();
    problem.at = to;
    actions.refill();
    actions.open(problem);
  };
  return listBrowser("problems", problems, {
    fields: [
      ...(several ? [{ name: "benchmark", kind: "select", choices: valuesOf(problems, "benchmark"), test: (p, value) => p.benchmark === value }] : []),
      { name: "verdict", kind: "select", choices: [["", "all"], ...outcomes.map((o) => [o, verdictText(o)])], test: some((s, value) => s.outcome === value) },
      ...(sources.length > 2 ? [{ name: "source", kind: "select", choices: sources, test: (p, value) => p.source === value }] : []),
      { name: "problem", kind: "text", hint: "key or question", test: (p, words) => holds([p.id, p.question], words) },
      { name: "text", kind: "text", hint: "in response, answer or reason", test: some((s, words) => holds([s.response, s.detail, s.reason], words)) },
    ],
    orders: PROBLEM_ORDERS,
    fill: fillProblem,
    detail: problemDetail,
    count: (found) => `${thousands(found.length)} of ${thousands(problems.length)} problems, a cell for each sample. Arrow keys up and down choose a problem, left and right a sample.`,
    onKey: move,
  });
}

function problemDetail(problem, actions) {
  const sample = problem.samples[problem.at];
  const about = [fact("problem", problem.id), fact("source", problem.source), problem.difficulty ? fact("difficulty", problem.difficulty) : null, problem.date ? fact("date", problem.date) : null];
  const question = problem.question
    ? [el("div", { class: "tools" }, el("h3", {}, "Question")), el("pre", { class: "text prompt" }, visible(problem.question))]
    : [el("p", { class: "quiet small" }, "The folder holds no questions, and their data is not on the machine that made this page.")];
  if (!sample) {
    return [el("h2", {}, problem.id), el("p", {}, `Left out of the score: ${problem.left_out}.`), el("dl", { class: "facts" }, about), ...question];
  }
  const open = (other) => { problem.at = problem.samples.indexOf(other); actions.refill(); actions.open(problem); };
  return [
    el("h2", {}, verdictMark(sample.outcome), ` Sample ${sample.index} of ${problem.samples.length}`),
    el("dl", { class: "facts" }, verdictFact(sample),
      fact("extracted answer", sample.detail ? visible(sample.detail) : SVG_BLANK), problem.gold ? fact("gold answer", visible(problem.gold)) : null,
      fact("reward", sample.reward === null ? "none" : shortNumber(sample.reward)),
      sample.vote === null ? null : fact("vote", visible(sample.vote)), tokensFact(sample), about),
    ...question,
    el("div", { class: "tools" }, el("h3", {}, "Response")),
    sample.response === null ? el("p", { class: "quiet small" }, "This page has no text of it.") : el("pre", { class: "text" }, visible(sample.response)),
    ...siblingsView("All samples", problem.samples, sample, open),
  ];
}
