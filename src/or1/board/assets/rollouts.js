// The rollouts of a run: a list, and one rollout with its group and its problem over training.

const VERDICTS = {
  right: ["\u2713", "correct", "good"], wrong: ["\u2715", "incorrect", "bad"], no_answer: ["\u2205", "no answer", "note"],
  truncated: ["\u2026", "truncated", "note"], not_judged: ["?", "not judged", "quiet"], missing: ["\u00b7", "not generated", "quiet"],
};

/** One object per rollout; `problem` is that of the page. */
function rolloutsOf(packed) {
  const rollouts = rowsOf(packed.columns);
  for (const rollout of rollouts) rollout.problem = packed.problems[rollout.problem];
  return rollouts;
}

function verdictMark(outcome) {
  const [glyph, label, color] = VERDICTS[outcome];
  return el("span", { class: `mark ${color}`, title: label, "aria-label": label, role: "img" }, glyph);
}

const verdictText = (outcome) => VERDICTS[outcome][1];

/** Characters of the end of a text that a row has room for. */
const ENDING = matchMedia("(min-width: 1200px)").matches ? 50 : 28;

/** The end of a text on one line: the answer is there. */
function ending(text) {
  return visible(text.slice(-ENDING)).replace(/\s+/g, " ");
}

/** The begin of a text on one line. */
function beginning(text) {
  return visible(text.slice(0, 100)).replace(/\s+/g, " ");
}

/** Writes a rollout into a row of the list; the elements of a row are made once. */
function fillRow(node, rollout) {
  if (!node.parts) {
    node.parts = ["span", "div", "div", "div", "div"].map((tag) => el(tag));
    const [mark, top, end, step, tokens] = node.parts;
    mark.setAttribute("role", "img");
    top.className = "row-top";
    end.className = "row-end";
    node.append(mark, el("div", { class: "row-text" }, top, end), el("div", { class: "row-facts" }, step, tokens));
  }
  const [glyph, label, color] = VERDICTS[rollout.outcome], [mark, top, end, step, tokens] = node.parts;
  rollout.problem.line ??= beginning(rollout.problem.question);
  rollout.line ??= ending(rollout.response);
  mark.className = `mark ${color}`;
  mark.setAttribute("aria-label", label);
  mark.textContent = glyph;
  top.textContent = rollout.problem.line;
  end.textContent = rollout.line;
  step.textContent = `step ${rollout.step}`;
  tokens.textContent = `${rollout.tokens} tok`;
}

const ORDERS = {
  "last step first": (a, b) => b.step - a.step,
  "step": (a, b) => a.step - b.step,
  "longest": (a, b) => b.tokens - a.tokens,
  "shortest": (a, b) => a.tokens - b.tokens,
  "largest advantage": (a, b) => (b.advantage ?? -Infinity) - (a.advantage ?? -Infinity),
};

/** The view of one run's rollouts. `packed` is the data of its block. */
function browserView(packed, state) {
  const all = rolloutsOf(packed);
  if (!all.length) return el("p", { class: "empty" }, "This run has no rollout files (tracking.rollouts_every).");
  const problem = (r, words) => holds([r.problem.id, r.problem.source, r.problem.question], words);
  return listBrowser("rollouts", all, {
    fields: [
      { name: "step", kind: "select", choices: valuesOf(all, "step"), test: (r, value) => r.step === Number(value) },
      { name: "verdict", kind: "select", choices: valuesOf(all, "outcome", verdictText), test: (r, value) => r.outcome === value },
      { name: "problem", kind: "text", hint: "id, source or question", test: problem },
      { name: "text", kind: "text", hint: "in response or reason", test: (r, words) => holds([r.response, r.detail, r.reason], words) },
      { name: "min tokens", kind: "number", hint: "0", test: (r, value) => r.tokens >= Number(value) },
      { name: "max tokens", kind: "number", hint: "\u221e", test: (r, value) => r.tokens <= Number(value) },
    ],
    orders: ORDERS,
    fill: fillRow,
    detail: (rollout, actions) => detailView(rollout, all, packed, state, actions),
    count: (found) => `${thousands(found.length)} of ${thousands(all.length)} rollouts${sampleNote(packed, all.length)}`,
  });
}

function sampleNote(packed, shown) {
  if (shown === packed.total) return "";
  return `; the run has ${thousands(packed.total)}. This page holds whole groups of problems chosen by a hash of their id, not by verdict.`;
}

/** The verdict in words, with its reason where it has one. */
function verdictFact(sample) {
  const [, label, color] = VERDICTS[sample.outcome];
  return fact("verdict", sample.reason && sample.reason !== sample.outcome ? `${label}: ${sample.reason}` : label, color);
}

function tokensFact(sample) {
  return fact("tokens", sample.tokens === null ? SVG_BLANK : `${shortNumber(sample.tokens)}, ${sample.finish === "length" ? "cut off" : sample.finish}`);
}

function detailView(rollout, all, packed, state, actions) {
  const group = all.filter((r) => r.step === rollout.step && r.problem.id === rollout.problem.id).sort((a, b) => a.index - b.index);
  const signed = (v) => (v === null ? "not trained on" : (v > 0 ? "+" : "") + v.toFixed(3));
  const kinds = [["none", "no shading"]];
  if (rollout.lengths && rollout.entropy) kinds.push(["entropy", "entropy"]);
  if (rollout.lengths && rollout.logprob) kinds.push(["logprob", "log-probability"]);
  const shade = select("shading", kinds, state.shade, (value) => { state.shade = value; actions.redraw(); });
  return [
    el("h2", {}, verdictMark(rollout.outcome), ` Step ${rollout.step}, rollout ${rollout.index}`),
    el("dl", { class: "facts" },
      verdictFact(rollout),
      fact("extracted answer", rollout.detail ? visible(rollout.detail) : SVG_BLANK), fact("gold answer", visible(rollout.problem.gold)),
      fact("reward", rollout.reward === null ? "none" : shortNumber(rollout.reward)), fact("advantage", signed(rollout.advantage)),
      tokensFact(rollout),
      fact("problem", `${rollout.problem.id}${rollout.problem.source ? ` of ${rollout.problem.source}` : ""}`)),
    el("div", { class: "tools" }, el("h3", {}, "Prompt as the model reads it")),
    el("pre", { class: "text prompt" }, visible(rollout.problem.prompt)),
    el("div", { class: "tools" }, el("h3", {}, "Response"), kinds.length > 1 ? el("div", { class: "push" }, shade) : el("span", { class: "quiet small push" }, "no numbers of its tokens in this page")),
    responseView(rollout, kinds.some(([key]) => key === state.shade) ? state.shade : "none", packed.top_nats),
    ...siblingsView("Group", group, rollout, actions.open),
    ...overTraining(rollout, all, actions.open),
  ];
}

/** Responses to one problem side by side. */
function siblingsView(title, group, chosen, open) {
  return [
    el("h3", { class: "part" }, `${title}: ${group.filter((r) => r.outcome === "right").length} of ${group.length} correct`),
    el("div", { class: "siblings", tabindex: "0" }, group.map((other) => siblingView(other, chosen, open))),
  ];
}

function siblingView(other, rollout, open) {
  return el("button", { type: "button", class: "sibling", "aria-pressed": String(other === rollout), on: { click: () => open(other) } },
    el("span", { class: "sibling-top" }, verdictMark(other.outcome), ` ${other.index}`, el("span", { class: "quiet" }, other.tokens === null ? "" : `${shortNumber(other.tokens)} tok`)),
    el("span", { class: "sibling-text" }, visible((other.response || "").slice(0, 1500))));
}

/** The steps in which the page holds this problem, each with its share of correct rollouts. */
function overTraining(rollout, all, open) {
  const steps = new Map();
  for (const other of all) {
    if (other.problem.id === rollout.problem.id) steps.set(other.step, [...(steps.get(other.step) || []), other]);
  }
  if (steps.size < 2) return [el("p", { class: "quiet small" }, "This page holds the problem in this step alone.")];
  const chips = [...steps].sort(([a], [b]) => a - b).map(([step, group]) => {
    const right = group.filter((r) => r.outcome === "right").length;
    return el("button", { type: "button", class: "chip", "aria-pressed": String(step === rollout.step), on: { click: () => open(group.find((r) => r.index === rollout.index) || group[0]) } },
      `step ${step}: ${right}/${group.length}`);
  });
  return [el("h3", { class: "part" }, "The same problem over training"), el("div", { class: "chips" }, chips)];
}

/** The tab: a choice of the run where there are several, and its browser once its data is unpacked. */
function rolloutsView(data, state) {
  const place = el("div", {});
  const load = (number) => place.replaceChildren(unpackedView(state, number, (packed) => browserView(packed, state)));
  load(0);
  if (data.runs.length < 2) return place;
  const runs = select("run", data.runs.map((run, i) => [String(i), run.label]), "0", (value) => load(Number(value)));
  return el("div", {}, runs, place);
}
