// A list of any length that keeps only the rows in sight as elements. One tab stop; arrow keys choose a row.

const ROW_PIXELS = 52;
const SPARE_ROWS = 4;

/**
 * options.fill(node, item): writes an item into a row; options.onChoose(item): a row was chosen.
 * Returns {node, set(items, keep), choose(position), refill()}.
 *
 * A frame of scrolling reads the place of the list once, before it writes, and writes only the rows that came
 * into sight: each lies in the slot `position modulo slots`, so a row in sight keeps its element.
 */
function virtualList(label, { fill, onChoose }) {
  const spacer = el("div", { class: "spacer" });
  const node = el("div", { class: "list", tabindex: "0", role: "listbox", "aria-label": label }, spacer);
  let items = [], slots = [], chosen = -1, asked = false, height = 0;

  /** As many slots as rows can be in sight at once. */
  function resize() {
    height = node.clientHeight;
    const wanted = Math.min(items.length, Math.ceil(height / ROW_PIXELS) + 1 + 2 * SPARE_ROWS);
    while (slots.length > wanted) slots.pop().node.remove();
    while (slots.length < wanted) {
      const slot = { node: el("div", { class: "row", role: "option", "aria-selected": "false" }), position: -1, item: null, selected: false };
      slot.node.addEventListener("click", () => choose(slot.position));
      slots.push(slot);
      spacer.append(slot.node);
    }
    for (const slot of slots) slot.position = -1;
  }

  function draw(top) {
    asked = false;
    const last = Math.max(0, items.length - slots.length);
    const first = Math.min(last, Math.max(0, Math.floor(top / ROW_PIXELS) - SPARE_ROWS));
    for (let position = first; position < first + slots.length; position += 1) {
      const slot = slots[position % slots.length];
      if (slot.position !== position || slot.item !== items[position]) place(slot, position);
      if (slot.selected !== (position === chosen)) {
        slot.selected = position === chosen;
        slot.node.setAttribute("aria-selected", String(slot.selected));
      }
    }
  }

  function place(slot, position) {
    slot.position = position;
    slot.item = items[position];
    slot.node.id = `row-${position}`;
    slot.node.style.transform = `translateY(${position * ROW_PIXELS}px)`;
    slot.node.setAttribute("aria-posinset", position + 1);
    fill(slot.node, slot.item);
  }

  function later() {
    if (!asked) { asked = true; requestAnimationFrame(() => draw(node.scrollTop)); }
  }

  function choose(position) {
    if (!items.length) return;
    chosen = Math.max(0, Math.min(items.length - 1, position));
    const row = chosen * ROW_PIXELS;
    let top = node.scrollTop;
    if (row < top) top = row;
    else if (row + ROW_PIXELS > top + height) top = row + ROW_PIXELS - height;
    node.scrollTop = top;
    draw(top);
    node.setAttribute("aria-activedescendant", `row-${chosen}`);
    onChoose(items[chosen]);
  }

  function set(next, keep) {
    items = next;
    chosen = keep === undefined ? -1 : items.indexOf(keep);
    spacer.style.height = `${items.length * ROW_PIXELS}px`;
    if (chosen < 0) node.scrollTop = 0;
    resize();
    draw(node.scrollTop);
  }

  function refill() {
    for (const slot of slots) slot.item = null;
    draw(node.scrollTop);
  }

  node.addEventListener("scroll", later, { passive: true });
  new ResizeObserver(() => { resize(); draw(node.scrollTop); }).observe(node);
  node.addEventListener("keydown", (event) => {
    const page = Math.max(1, Math.floor(height / ROW_PIXELS) - 1);
    const next = { ArrowDown: chosen + 1, ArrowUp: chosen - 1, j: chosen + 1, k: chosen - 1, PageDown: chosen + page, PageUp: chosen - page, Home: 0, End: items.length - 1 }[event.key];
    if (next === undefined || event.ctrlKey || event.metaKey || event.altKey) return;
    event.preventDefault();
    choose(next);
  });
  return { node, set, choose, refill };
}
