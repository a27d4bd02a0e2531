// A list of any length that keeps only the rows in sight as elements. One tab stop; arrow keys choose a row.

const ROW_PIXELS = 52;

/**
 * options.fill(node, item): writes an item into a row; options.onChoose(item): a row was chosen.
 * Returns {node, set(items), choose(position)}.
 */
function virtualList(label, { fill, onChoose }) {
  const spacer = el("div", { class: "spacer" });
  const node = el("div", { class: "list", tabindex: "0", role: "listbox", "aria-label": label }, spacer);
  const pool = [];
  let items = [], chosen = -1, asked = false;

  function rowAt(slot) {
    if (!pool[slot]) {
      const row = el("div", { class: "row", role: "option" });
      row.addEventListener("click", () => choose(row.position));
      pool[slot] = row;
      spacer.append(row);
    }
    return pool[slot];
  }

  function draw() {
    asked = false;
    const first = Math.max(0, Math.floor(node.scrollTop / ROW_PIXELS) - 3);
    const count = Math.min(items.length - first, Math.ceil(node.clientHeight / ROW_PIXELS) + 7);
    for (let n = 0; n < count; n += 1) {
      const position = first + n, row = rowAt(position % Math.max(1, poolSize()));
      if (row.position !== position || row.item !== items[position]) {
        row.position = position;
        row.item = items[position];
        row.id = `row-${position}`;
        row.style.transform = `translateY(${position * ROW_PIXELS}px)`;
        row.setAttribute("aria-posinset", position + 1);
        fill(row, items[position]);
      }
      row.hidden = false;
      row.setAttribute("aria-selected", String(position === chosen));
    }
    for (const row of pool) if (row && (row.position < first || row.position >= first + count)) row.hidden = true;
  }

  const poolSize = () => Math.ceil((node.clientHeight || 600) / ROW_PIXELS) + 8;

  function later() {
    if (!asked) { asked = true; requestAnimationFrame(draw); }
  }

  function choose(position) {
    if (!items.length) return;
    chosen = Math.max(0, Math.min(items.length - 1, position));
    const top = chosen * ROW_PIXELS;
    if (top < node.scrollTop) node.scrollTop = top;
    else if (top + ROW_PIXELS > node.scrollTop + node.clientHeight) node.scrollTop = top + ROW_PIXELS - node.clientHeight;
    draw();
    node.setAttribute("aria-activedescendant", `row-${chosen}`);
    onChoose(items[chosen]);
  }

  function set(next, keep) {
    items = next;
    chosen = keep === undefined ? -1 : items.indexOf(keep);
    spacer.style.height = `${items.length * ROW_PIXELS}px`;
    if (chosen < 0) node.scrollTop = 0;
    pool.forEach((row) => { row.item = undefined; });
    draw();
  }

  node.addEventListener("scroll", later, { passive: true });
  new ResizeObserver(() => { spacer.replaceChildren(); pool.length = 0; draw(); }).observe(node);
  node.addEventListener("keydown", (event) => {
    const page = Math.max(1, Math.floor(node.clientHeight / ROW_PIXELS) - 1);
    const next = { ArrowDown: chosen + 1, ArrowUp: chosen - 1, j: chosen + 1, k: chosen - 1, PageDown: chosen + page, PageUp: chosen - page, Home: 0, End: items.length - 1 }[event.key];
    if (next === undefined || event.ctrlKey || event.metaKey || event.altKey) return;
    event.preventDefault();
    choose(next);
  });
  return { node, set, choose };
}
