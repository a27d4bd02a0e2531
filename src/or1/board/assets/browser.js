// A browser of many items: filters, a list, and the chosen item beside it.

/** The data of a block that was compressed with gzip and written in base64. */
async function inflate(id) {
  const bytes = Uint8Array.from(atob(document.getElementById(id).textContent), (c) => c.charCodeAt(0));
  return new Response(new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"))).json();
}

/** One object per row of the columns. */
function rowsOf(columns) {
  const names = Object.keys(columns);
  return columns[names[0]].map((_, i) => Object.fromEntries(names.map((name) => [name, columns[name][i]])));
}

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

/** Some of the texts hold the words. */
function holds(texts, words) {
  return texts.some((text) => text && text.toLowerCase().includes(words));
}

/** The different values of a field, as options of a select. */
function valuesOf(items, key, text = String) {
  return [["", "all"], ...[...new Set(items.map((item) => item[key]))].map((value) => [String(value), text(value)])];
}

function fact(label, value, color = "") {
  return el("div", { class: "fact" }, el("dt", {}, label), el("dd", { class: color }, value));
}

/**
 * options.fields: {name, kind: "select" | "text" | "number", hint or choices, test(item, value)}; the value of
 * a text is in lower case, and "/" goes to the field called "text".
 * options.orders: name -> comparison. options.chosen: the values of fields at first.
 * options.fill(node, item), options.detail(item, actions): the row and the detail of an item.
 * options.count(found): the words above the list; options.onKey(event, item, actions): further keys of the list.
 * actions: open(item), redraw(), back(), refill().
 */
function listBrowser(label, items, options) {
  const values = { ...options.chosen };
  let order = Object.keys(options.orders)[0], chosen = null;
  const count = el("p", { class: "quiet small", role: "status" });
  const detail = el("div", { class: "detail" }, el("p", { class: "empty" }, "Choose an entry: with the mouse, or with the arrow keys in the list."));
  const root = el("div", { class: "browser" });
  const actions = {
    open(item) {
      chosen = item;
      root.classList.add("opened");
      actions.redraw();
      if (detail.getBoundingClientRect().top < 0) scrollTo(0, 0);
    },
    redraw: () => detail.replaceChildren(
      el("button", { type: "button", class: "link back", on: { click: actions.back } }, "Back to the list"), ...options.detail(chosen, actions)),
    back() { root.classList.remove("opened"); list.node.focus(); },
    refill: () => list.refill(),
  };
  const list = virtualList(label, { fill: options.fill, onChoose: actions.open });
  const isWide = matchMedia("(min-width: 901px)").matches;
  const apply = () => {
    const used = options.fields.filter((field) => values[field.name]);
    const found = items.filter((item) => used.every((field) => field.test(item, values[field.name])));
    if (options.orders[order]) found.sort(options.orders[order]);
    list.set(found, chosen);
    if (!chosen && found.length && isWide) list.choose(0);
    count.textContent = options.count(found);
  };
  const change = (name) => (value) => { values[name] = value; apply(); };
  const fields = options.fields.map((field) => field.kind === "select"
    ? select(field.name, field.choices, values[field.name] || "", change(field.name))
    : textField(field.name, field.hint, (value) => change(field.name)(value.toLowerCase()), field.kind === "number" ? "number" : "search"));
  const sorting = select("order", Object.keys(options.orders).map((key) => [key, key]), order, (value) => { order = value; apply(); });
  root.append(el("div", { class: `filters ${label}` }, fields, sorting), count, el("div", { class: "columns" }, list.node, detail));
  list.node.addEventListener("keydown", (event) => { if (chosen && options.onKey) options.onKey(event, chosen, actions); });
  root.addEventListener("keydown", (event) => {
    if (event.key === "Escape") actions.back();
    const search = root.querySelector("input[aria-label=text]");
    if (event.key === "/" && event.target.tagName !== "INPUT" && search) { event.preventDefault(); search.focus(); }
  });
  requestAnimationFrame(apply);
  return root;
}

/** A view of a block that has to be unpacked first. */
function unpackedView(state, number, view) {
  const place = el("div", {}, el("p", { class: "empty" }, "Unpacking ..."));
  (async () => {
    const packed = (state.packed[number] ??= await inflate(`or1-rollouts-${number}`)); // the live page may empty `state.packed` meanwhile
    place.replaceChildren(view(packed));
  })();
  return place;
}
