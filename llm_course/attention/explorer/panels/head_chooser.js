/** Which heads an average is over: a box for each; names of layers and heads choose whole rows and columns. */

import { make, rove } from "../dom.js";
import { range } from "../numbers.js";

/** @import { Explorer } from "../explorer.js" */
/** @import { HeadPair } from "../types.d.ts" */

const BOX_MOVES = { ArrowRight: [0, 1], ArrowLeft: [0, -1], ArrowDown: [1, 0], ArrowUp: [-1, 0] };

/** @param {Explorer} explorer */
export function headChooser(explorer) {
  const { data, view } = explorer;
  /** @type {Map<string, HTMLInputElement>} */
  const boxes = new Map();
  const has = (pair) => view.set.some((one) => String(one) === String(pair));
  const set = (wanted, on) => {
    const named = new Set(wanted.map(String));
    const rest = view.set.filter((one) => !named.has(String(one)));
    explorer.change({ set: (on ? [...rest, ...wanted] : rest).sort((a, b) => a[0] - b[0] || a[1] - b[1]) });
    for (const [key, box] of boxes) box.checked = has(key);
  };
  const group = (text, label, wanted) => {
    const act = () => set(wanted, !wanted.every(has));
    return make("th", {}, make("button", { type: "button", "aria-label": label, onclick: act }, text));
  };
  /** @param {HeadPair} pair */
  const box = (pair) => {
    const input = make("input", {
      type: "checkbox",
      checked: has(pair),
      "aria-label": `Layer ${pair[0]}, head ${pair[1]}`,
      onchange: () => set([pair], input.checked),
    });
    boxes.set(String(pair), input);
    return make("td", {}, input);
  };
  const [layers, heads] = [range(data.layers), range(data.heads)];
  const pairsOf = (someLayers, someHeads) => someLayers.flatMap((l) => someHeads.map((n) => [l, n]));
  const names = heads.map((n) => group(String(n), `Head ${n} of every layer`, pairsOf(layers, [n])));
  const table = make(
    "table",
    { onkeydown: move, onfocusin: (event) => event.target.matches("input,button") && rove(table, event.target) },
    make("tr", {}, group("all", "All heads", pairsOf(layers, heads)), names),
    layers.map((l) => {
      const whole = group(`layer ${l}`, `Every head of layer ${l}`, pairsOf([l], heads));
      return make("tr", {}, whole, pairsOf([l], heads).map(box));
    }),
  );
  for (const one of table.querySelectorAll("input,button")) /** @type {HTMLElement} */ (one).tabIndex = -1;
  rove(table, table.querySelector("button")); // one stop for Tab, however many heads there are
  const title = make("summary", {}, "Heads that are averaged");
  return make("details", { className: "lcx-chooser", open: true }, title, table);
}

/** Arrows go from one cell to the next. */
function move(event) {
  const by = BOX_MOVES[event.key];
  const cell = event.target.closest("td,th");
  if (!by || !cell) return;
  event.preventDefault();
  const row = event.currentTarget.rows[cell.parentElement.rowIndex + by[0]];
  row?.cells[cell.cellIndex + by[1]]?.querySelector("input,button")?.focus();
}
