/** The keys that work everywhere in the explorer, and the list of all of them. */

import { make } from "./dom.js";

/** @import { Explorer } from "./explorer.js" */

const shortcutNames = (tabs) => [
  [`1 to ${tabs}`, "choose a view"],
  ["[ and ]", "layer before, layer after"],
  [", and .", "head before, head after"],
  ["t", "go to the tokens"],
  ["arrow keys", "move over heads, tokens and cells"],
  ["Enter or Space", "open a head; pin or release a token"],
  ["+  −  0", "zoom in, out, back"],
  ["Ctrl with arrows", "move by ten"],
  ["Esc", "release what is pinned"],
  ["?", "this list"],
];
const READING =
  "Rows are tokens that look (queries), columns tokens that are looked at (keys). Each row of weights sums to 1. " +
  "Shades follow the square root of the weight, up to the largest one shown.";

/** A dialog that lists the keys, and says how to read the pictures. */
export function helpBox(tabs) {
  const names = shortcutNames(tabs).map(([key, what]) => [make("dt", {}, key), make("dd", {}, what)]);
  const box = make(
    "dialog",
    {
      className: "lcx-help",
      "aria-label": "Keyboard shortcuts",
      onclick: (event) => event.target === box && box.close(),
    },
    make("h2", {}, "Keyboard"),
    make("dl", {}, names),
    make("p", {}, READING),
    make("button", { type: "button", onclick: () => box.close() }, "Close"),
  );
  return box;
}

/**
 * Keys that a notebook would take for its own commands, though they are meant for the explorer: letters, arrows, Enter.
 * What it is to hear: Ctrl+S, Shift+Enter, F1.
 */
const isOurs = ({ key, shiftKey }) => key !== "Tab" && !(key === "Enter" && shiftKey) && !/^F\d/.test(key);

const writes = (el) => /^(INPUT|TEXTAREA|SELECT)$/.test(el.tagName) && el.type !== "checkbox";

/** Do what a key says. @param {Explorer} explorer @param {KeyboardEvent} event */
export function pressed(explorer, event) {
  if (event.altKey || event.ctrlKey || event.metaKey) return;
  if (isOurs(event)) event.stopPropagation();
  if (explorer.help.open || writes(event.target)) return;
  const act = shortcut(explorer, event.key);
  if (!act || event.defaultPrevented) return;
  event.preventDefault();
  act();
}

function shortcut(explorer, key) {
  const { view, data, tabs } = explorer;
  const turn = (name, by, n) => () => {
    explorer.change({ [name]: (view[name] + by + n) % n });
    explorer.announce(`Layer ${view.layer}, head ${view.head}`);
  };
  const shortcuts = {
    "[": turn("layer", -1, data.layers),
    "]": turn("layer", 1, data.layers),
    ",": turn("head", -1, data.heads),
    ".": turn("head", 1, data.heads),
    "+": () => explorer.zoom(1),
    "=": () => explorer.zoom(1),
    "-": () => explorer.zoom(-1),
    0: () => explorer.zoom(0),
    "?": () => explorer.help.showModal(),
    t: () => explorer.strips[0].focus(),
    Escape: () => explorer.release(),
  };
  if (tabs.names[key - 1]) return () => tabs.open(key - 1);
  return shortcuts[key];
}
