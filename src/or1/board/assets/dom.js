// Elements and numbers. Text reaches the page through text nodes alone, so no text is ever read as HTML.

const SVG_BLANK = "\u2013";

/** An element with properties and children; a string child becomes a text node. */
function el(tag, props = {}, ...children) {
  const node = document.createElement(tag);
  for (const [key, value] of Object.entries(props)) {
    if (key === "on") for (const [name, listener] of Object.entries(value)) node.addEventListener(name, listener);
    else if (key === "class") node.className = value;
    else if (key === "color") node.style.color = value;
    else if (key === "background") node.style.background = value;
    else if (value !== null && value !== false) node.setAttribute(key, value === true ? "" : value);
  }
  node.append(...children.flat(3).filter((child) => child !== null && child !== undefined));
  return node;
}

/** The content of a JSON block of the page. */
function readJson(id) {
  return JSON.parse(document.getElementById(id).textContent);
}

/** A whole number with commas: 12,345. */
function thousands(number) {
  return number.toLocaleString("en-US");
}

/** A number with three or four significant digits: 12,345; 0.0312; 3.1e-7. */
function shortNumber(value) {
  if (value === null || value === undefined || Number.isNaN(value)) return SVG_BLANK;
  const size = Math.abs(value);
  if (size >= 1000) return thousands(Math.round(value));
  if (size !== 0 && size < 0.001) return value.toExponential(1);
  if (Number.isInteger(value)) return String(value);
  return String(Number(value.toPrecision(3)));
}

/** A custom property of the style sheet, for canvases. */
function styleColor(name) {
  return getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim();
}

function seriesColor(index) {
  return styleColor(`c${index % 8}`);
}

/** The same color with an opacity from 0 to 1; `color` is #rrggbb. */
function faded(color, opacity) {
  return color + Math.round(opacity * 255).toString(16).padStart(2, "0");
}

/** A table; `numeric` names the columns that are aligned to the right. */
function table(columns, rows, numeric = []) {
  const side = (i) => (numeric.includes(i) ? "n" : "wrap");
  const head = el("tr", {}, columns.map((name, i) => el("th", { class: side(i), scope: "col" }, name)));
  const body = rows.map((row) =>
    el("tr", { class: row.class || "" }, row.cells.map((cell, i) => el("td", { class: side(i) }, cell))));
  return el("div", { class: "scroll", tabindex: "0" }, el("table", {}, el("thead", {}, head), el("tbody", {}, body)));
}
