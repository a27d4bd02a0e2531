// The frame of the page: theme, tabs, and the view of each tab.

const state = { smooth: true, bands: true, tab: null, shade: "entropy", packed: {} };
let data = readJson("or1-data");
const frame = {};

function setTheme(theme) {
  document.documentElement.dataset.theme = theme;
  frame.theme.textContent = theme === "dark" ? "Light" : "Dark";
  frame.theme.setAttribute("aria-label", `use the ${theme === "dark" ? "light" : "dark"} theme`);
  if (state.tab) show(state.tab);
}

/** [id, title, view] of each tab of this page. */
function tabsOf() {
  if (data.kind === "runs") {
    return [
      ["overview", "Overview", () => overviewView(data, state)],
      ...(document.getElementById("or1-rollouts-0") ? [["rollouts", "Rollouts", () => rolloutsView(data, state)]] : []),
      ["evaluation", "Evaluation", () => evaluationView(data)],
      ["settings", "Settings", () => settingsView(data)],
    ];
  }
  const facts = ["settings", "Settings", () => factsView(data.facts)];
  if (data.kind === "evaluation") {
    return [["scores", "Scores", () => scoresView(data)], ["samples", "Samples", () => unpackedView(state, 0, samplesView)], facts];
  }
  if (data.kind === "curation") {
    return [["funnel", "Funnel", () => funnelView(data, state)], ["rows", "Rows", () => unpackedView(state, 0, (packed) => rowsView(data, packed, state))], facts];
  }
  return [];
}

function show(id) {
  const tabs = tabsOf();
  const [chosen, , view] = tabs.find(([name]) => name === id) || tabs[0];
  state.tab = chosen;
  for (const button of frame.tabs.children) {
    const isChosen = button.dataset.tab === chosen;
    button.setAttribute("aria-selected", String(isChosen));
    button.tabIndex = isChosen ? 0 : -1;
  }
  frame.main.replaceChildren(view());
  if (chosen === "overview") requestAnimationFrame(drawAll);
}

function choose(id) {
  history.replaceState(null, "", `#${id}`);
  show(id);
}

function tabKeys(event) {
  const buttons = [...frame.tabs.children], at = buttons.indexOf(document.activeElement);
  const next = { ArrowLeft: at - 1, ArrowRight: at + 1, Home: 0, End: buttons.length - 1 }[event.key];
  if (at < 0 || next === undefined) return;
  event.preventDefault();
  const button = buttons[(next + buttons.length) % buttons.length];
  choose(button.dataset.tab);
  button.focus();
}

function build() {
  frame.tabs = el("div", { class: "tabs", role: "tablist", on: { keydown: tabKeys } }, tabsOf().map(([id, title]) =>
    el("button", { type: "button", role: "tab", "data-tab": id, "aria-controls": "view", on: { click: () => choose(id) } }, title)));
  frame.theme = el("button", { type: "button", class: "plain theme", on: { click: () => setTheme(document.documentElement.dataset.theme === "dark" ? "light" : "dark") } });
  frame.main = el("main", { id: "view", role: "tabpanel" });
  const unfinished = data.kind === "runs" && data.runs.some((run) => !run.finished);
  document.body.append(
    el("header", {}, el("div", { class: "bar" }, el("h1", {}, data.title), el("span", { class: "state" }, unfinished ? "unfinished" : ""), frame.tabs, frame.theme)),
    frame.main,
    el("footer", {}, `or1 ${data.version}. This file is complete: it opens without a network and sends nothing.`));
  setTheme(matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light");
  show(location.hash.slice(1));
  addEventListener("resize", resizeAll);
  addEventListener("hashchange", () => show(location.hash.slice(1)));
}

/** For the live page: show other data in the tab that is open. A reader of rollouts is not interrupted. */
window.or1 = {
  update(next) {
    data = next;
    if (state.tab === "rollouts") return;
    const top = scrollY;
    show(state.tab);
    scrollTo(0, top);
  },
};

build();
