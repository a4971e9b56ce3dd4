/** Lists and boxes that change the view. Each is brought up to date whenever the view changes. */

import { make } from "./dom.js";
import { range } from "./numbers.js";

/** @import { Attention } from "./types.d.ts" */
/** @import { Explorer } from "./explorer.js" */

/** A named list to choose from, of [value, text, whether it is disabled]; `there` says when it is there. */
export function choice(explorer, label, options, get, set, there = () => true) {
  const items = options.map(([value, text, disabled]) => make("option", { value: String(value), disabled }, text));
  const select = make("select", { "aria-label": label, onchange: () => set(select.value) }, items);
  const box = make("label", { className: "lcx-choice" }, make("span", {}, label), select);
  explorer.onChange(() => {
    select.value = String(get());
    box.hidden = !there();
  });
  return box;
}

function checkbox(explorer, label, get, set, there) {
  const input = make("input", { type: "checkbox", "aria-label": label, onchange: () => set(input.checked) });
  const box = make("label", { className: "lcx-choice" }, input, make("span", {}, label));
  explorer.onChange(() => {
    input.checked = get();
    box.hidden = !there();
  });
  return box;
}

const numbers = (n) => range(n).map((i) => [i, String(i)]);

/** The row of controls; which of them are there depends on the tab. @param {Explorer} explorer */
export function controls(explorer) {
  const { data, spec, view } = explorer;
  const pictures = () => ["map", "lines", "compare"].includes(view.tab);
  const other = spec.sides.length > 1 ? explorer.dataOf(1 - view.side) : null;
  return make(
    "div",
    { className: "lcx-controls" },
    headControls(explorer, data, other, pictures),
    orderControls(explorer, data),
    tokenControls(explorer, data, pictures),
    lookControls(explorer),
    tools(explorer, pictures),
  );
}

/** Which weights are shown, and of which head. @param {Explorer} explorer @param {Attention} data */
function headControls(explorer, data, other, pictures) {
  const { view } = explorer;
  const oneHead = () => view.tab === "pair" || (view.tab !== "overview" && view.source === "head");
  const compared = () => view.tab === "compare" && oneHead();
  const rolls = explorer.hasRollout(data);
  const sources = [
    ["head", "one head"],
    ["average", "average of heads"],
    ["rollout", rolls ? "rollout" : `rollout (${data.noRollout})`, !rolls],
  ];
  const number = (label, name, n) => {
    const set = (value) => explorer.change({ [name]: Number(value) });
    return choice(explorer, label, numbers(n), () => view[name], set, oneHead);
  };
  const otherNumber = (label, name, n) => {
    const set = (value) => explorer.change({ [name]: value === "same" ? null : Number(value) });
    return choice(explorer, label, [["same", "same"], ...numbers(n)], () => view[name] ?? "same", set, compared);
  };
  const setSource = (source) => explorer.change({ source }, true);
  return [
    choice(explorer, "Show", sources, () => view.source, setSource, pictures),
    number("Layer", "layer", data.layers),
    number("Head", "head", data.heads),
    other && otherNumber("with layer", "layer2", other.layers),
    other && otherNumber("head", "head2", other.heads),
  ];
}

/** How the overview is sorted. @param {Explorer} explorer @param {Attention} data */
function orderControls(explorer, data) {
  const { view } = explorer;
  if (!data.measures.length) return [];
  const orders = [
    ["layer", "by layer"],
    ["down", "highest first"],
    ["up", "lowest first"],
  ];
  const measures = data.measures.map((name) => [name, name]);
  const overview = () => view.tab === "overview";
  const set = (patch) => {
    explorer.change(patch);
    explorer.showPanel();
  };
  const setSort = (sort) => set({ sort });
  const setMeasure = (measure) => set({ measure });
  return [
    choice(explorer, "Order", orders, () => view.sort, setSort, overview),
    choice(explorer, "Measure", measures, () => view.measure, setMeasure, overview),
  ];
}

/** Which tokens are shown. @param {Explorer} explorer @param {Attention} data */
function tokenControls(explorer, data, pictures) {
  const { view } = explorer;
  const twoTexts = new Set([...data.segments, ...data.rowSegments]).size > 1;
  const texts = [
    ["all", "both texts"],
    [0, "text A"],
    [1, "text B"],
  ];
  const text = (label, name) => {
    const set = (value) => explorer.change({ [name]: value === "all" ? value : Number(value) });
    return choice(explorer, label, texts, () => view[name], set, pictures);
  };
  const setSpecial = (special) => explorer.change({ special });
  return [
    twoTexts && text("From", "from"),
    twoTexts && text("to", "to"),
    (data.special.includes(1) || data.rowSpecial.includes(1)) &&
      checkbox(explorer, "special tokens", () => view.special, setSpecial, pictures),
  ];
}

/** How weights and products are drawn. @param {Explorer} explorer */
function lookControls(explorer) {
  const { view } = explorer;
  const shades = [[1, "largest"], ...[0.5, 0.2, 0.1, 0.05, 0.02].map((w) => [w, String(w)])];
  const shaded = () => view.tab === "map" || view.tab === "compare";
  const setShade = (shade) => explorer.change({ shade: Number(shade) });
  const setBySize = (bySize) => explorer.change({ bySize });
  return [
    choice(explorer, "Darkest at", shades, () => view.shade, setShade, shaded),
    checkbox(
      explorer,
      "largest first",
      () => view.bySize,
      setBySize,
      () => view.tab === "pair",
    ),
  ];
}

/** Zoom, and saving the picture. @param {Explorer} explorer */
function tools(explorer, pictures) {
  const button = (text, label, act) =>
    make("button", { type: "button", "aria-label": label, title: label, onclick: act }, text);
  const box = make(
    "div",
    { className: "lcx-tools", role: "group", "aria-label": "Picture" },
    button("−", "Zoom out (-)", () => explorer.zoom(-1)),
    button("fit", "Fit (0)", () => explorer.zoom(0)),
    button("+", "Zoom in (+)", () => explorer.zoom(1)),
    button("PNG", "Save this picture as PNG", () => explorer.save()),
  );
  explorer.onChange(() => {
    box.hidden = !pictures();
  });
  return box;
}
