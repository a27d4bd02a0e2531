// The browser of rollouts: filters, a list, and one rollout with its group and its problem over training.

const VERDICTS = {
  right: ["\u2713", "correct", "good"], wrong: ["\u2715", "incorrect", "bad"], no_answer: ["\u2205", "no answer", "note"],
  truncated: ["\u2026", "truncated", "note"], not_judged: ["?", "not judged", "quiet"],
};

/** The data of a block that was compressed with gzip and written in base64. */
async function inflate(id) {
  const bytes = Uint8Array.from(atob(document.getElementById(id).textContent), (c) => c.charCodeAt(0));
  return new Response(new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"))).json();
}

/** One object per rollout; `problem` is that of the page. */
function rolloutsOf(packed) {
  const { columns, problems } = packed;
  const names = Object.keys(columns);
  return columns.step.map((_, i) => {
    const rollout = Object.fromEntries(names.map((name) => [name, columns[name][i]]));
    rollout.problem = problems[rollout.problem];
    return rollout;
  });
}

function verdictMark(outcome) {
  const [glyph, label, color] = VERDICTS[outcome];
  return el("span", { class: `mark ${color}`, title: label, "aria-label": label, role: "img" }, glyph);
}

/** The end of a text on one line: the answer is there. */
function ending(text) {
  return visible(text.slice(-160)).replace(/\s+/g, " ");
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
  rollout.problem.line ??= visible(rollout.problem.question.slice(0, 120)).replace(/\s+/g, " ");
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
  "step": (a, b) => a.step - b.step,
  "last step first": (a, b) => b.step - a.step,
  "longest": (a, b) => b.tokens - a.tokens,
  "shortest": (a, b) => a.tokens - b.tokens,
  "largest advantage": (a, b) => (b.advantage ?? -Infinity) - (a.advantage ?? -Infinity),
};

function select(label, options, value, onChange) {
  const node = el("select", { "aria-label": label, on: { change: () => onChange(node.value) } },
    options.map(([key, text]) => el("option", { value: key, selected: key === value }, text)));
  return el("label", { class: "field" }, el("span", {}, label), node);
}

function textField(label, placeholder, onInput, type = "search") {
  const node = el("input", { type, placeholder, "aria-label": label, min: type === "number" ? "0" : null });
  let timer = 0;
  node.addEventListener("input", () => { clearTimeout(timer); timer = setTimeout(() => onInput(node.value), 120); });
  return el("label", { class: "field" }, el("span", {}, label), node);
}

function matches(rollout, filter) {
  if (filter.step && rollout.step !== Number(filter.step)) return false;
  if (filter.verdict && rollout.outcome !== filter.verdict) return false;
  if (filter.shortest && rollout.tokens < Number(filter.shortest)) return false;
  if (filter.longest && rollout.tokens > Number(filter.longest)) return false;
  if (filter.problem && !`${rollout.problem.id} ${rollout.problem.source} ${rollout.problem.question}`.toLowerCase().includes(filter.problem)) return false;
  if (!filter.text) return true;
  return [rollout.response, rollout.detail, rollout.reason].some((text) => text.toLowerCase().includes(filter.text));
}

/** The view of one run's rollouts. `packed` is the data of its block. */
function browserView(packed, state) {
  const all = rolloutsOf(packed);
  const filter = { step: "", verdict: "", problem: "", text: "", shortest: "", longest: "" };
  let order = "last step first";
  const steps = [...new Set(all.map((r) => r.step))];
  const count = el("p", { class: "quiet small", role: "status" });
  const detail = el("div", { class: "detail" }, el("p", { class: "empty" }, "Choose a rollout: with the mouse, or with the arrow keys in the list."));
  const root = el("div", { class: "browser" });
  const open = (rollout) => {
    state.rollout = rollout;
    root.classList.add("opened");
    drawDetail();
    if (detail.getBoundingClientRect().top < 0) scrollTo(0, 0);
  };
  const back = () => { root.classList.remove("opened"); list.node.focus(); };
  const drawDetail = () => detail.replaceChildren(...detailView(state.rollout, all, packed, state, { open, redraw: drawDetail, back }));
  const list = virtualList("rollouts", { fill: fillRow, onChoose: open });
  const isWide = matchMedia("(min-width: 901px)").matches;
  const apply = () => {
    const found = all.filter((rollout) => matches(rollout, filter)).sort(ORDERS[order]);
    list.set(found, state.rollout);
    if (!state.rollout && found.length && isWide) list.choose(0);
    count.textContent = `${found.length.toLocaleString("en-US")} of ${all.length.toLocaleString("en-US")} rollouts${sampleNote(packed, all.length)}`;
  };
  const change = (name) => (value) => { filter[name] = value.toLowerCase(); apply(); };
  const search = textField("text", "in response or reason", change("text"));
  const filters = el("div", { class: "filters" },
    select("step", [["", "all"], ...steps.map((s) => [String(s), String(s)])], "", change("step")),
    select("verdict", [["", "all"], ...Object.entries(VERDICTS).map(([key, [, label]]) => [key, label])], "", change("verdict")),
    textField("problem", "id, source or question", change("problem")), search,
    textField("min tokens", "0", change("shortest"), "number"), textField("max tokens", "\u221e", change("longest"), "number"),
    select("order", Object.keys(ORDERS).map((key) => [key, key]), order, (value) => { order = value; apply(); }));
  root.append(filters, count, el("div", { class: "columns" }, list.node, detail));
  root.addEventListener("keydown", (event) => {
    if (event.key === "Escape") back();
    if (event.key === "/" && event.target.tagName !== "INPUT") { event.preventDefault(); search.querySelector("input").focus(); }
  });
  requestAnimationFrame(apply);
  return root;
}

function sampleNote(packed, shown) {
  if (shown === packed.total) return "";
  return `; the run has ${packed.total.toLocaleString("en-US")}. This page holds whole groups of problems chosen by a hash of their id, not by verdict.`;
}

function fact(label, value, color = "") {
  return el("div", { class: "fact" }, el("dt", {}, label), el("dd", { class: color }, value));
}

function detailView(rollout, all, packed, state, actions) {
  const [, label, color] = VERDICTS[rollout.outcome];
  const group = all.filter((r) => r.step === rollout.step && r.problem.id === rollout.problem.id).sort((a, b) => a.index - b.index);
  const signed = (v) => (v === null ? "not trained on" : (v > 0 ? "+" : "") + v.toFixed(3));
  const kinds = [["none", "no shading"]];
  if (rollout.lengths && rollout.entropy) kinds.push(["entropy", "entropy"]);
  if (rollout.lengths && rollout.logprob) kinds.push(["logprob", "log-probability"]);
  const shade = select("shading", kinds, state.shade, (value) => { state.shade = value; actions.redraw(); });
  return [
    el("button", { type: "button", class: "link back", on: { click: actions.back } }, "Back to the list"),
    el("h2", {}, verdictMark(rollout.outcome), ` Step ${rollout.step}, rollout ${rollout.index}`),
    el("dl", { class: "facts" },
      fact("verdict", rollout.reason && rollout.reason !== rollout.outcome ? `${label}: ${rollout.reason}` : label, color),
      fact("extracted answer", rollout.detail ? visible(rollout.detail) : SVG_BLANK), fact("gold answer", visible(rollout.problem.gold)),
      fact("reward", rollout.reward === null ? "none" : shortNumber(rollout.reward)), fact("advantage", signed(rollout.advantage)),
      fact("tokens", `${shortNumber(rollout.tokens)}, ${rollout.finish === "length" ? "cut off" : rollout.finish}`),
      fact("problem", `${rollout.problem.id}${rollout.problem.source ? ` of ${rollout.problem.source}` : ""}`)),
    el("div", { class: "tools" }, el("h3", {}, "Prompt as the model reads it")),
    el("pre", { class: "text prompt" }, visible(rollout.problem.prompt)),
    el("div", { class: "tools" }, el("h3", {}, "Response"), kinds.length > 1 ? el("div", { class: "push" }, shade) : el("span", { class: "quiet small push" }, "no numbers of its tokens in this page")),
    responseView(rollout, kinds.some(([key]) => key === state.shade) ? state.shade : "none", packed.top_nats),
    el("h3", { class: "part" }, `Group: ${group.filter((r) => r.outcome === "right").length} of ${group.length} correct`),
    el("div", { class: "siblings", tabindex: "0" }, group.map((other) => siblingView(other, rollout, actions.open))),
    ...overTraining(rollout, all, actions.open),
  ];
}

function siblingView(other, rollout, open) {
  return el("button", { type: "button", class: "sibling", "aria-pressed": String(other === rollout), on: { click: () => open(other) } },
    el("span", { class: "sibling-top" }, verdictMark(other.outcome), ` ${other.index}`, el("span", { class: "quiet" }, `${shortNumber(other.tokens)} tok`)),
    el("span", { class: "sibling-text" }, visible(other.response.slice(0, 1500))));
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
  const place = el("div", {}, el("p", { class: "empty" }, "Unpacking the rollouts ..."));
  const load = async (number) => {
    state.packed = state.packed || {};
    state.packed[number] = state.packed[number] || (await inflate(`or1-rollouts-${number}`));
    state.rollout = null;
    const packed = state.packed[number];
    place.replaceChildren(packed.columns.step.length ? browserView(packed, state) : el("p", { class: "empty" }, "This run has no rollout files (tracking.rollouts_every)."));
  };
  load(0);
  if (data.runs.length < 2) return place;
  const runs = select("run", data.runs.map((run, i) => [String(i), run.label]), "0", (value) => load(Number(value)));
  return el("div", {}, runs, place);
}
