/** What stands above the picture: the names of side and kind, the tabs, and the text to edit. */

import { choice } from "./controls.js";
import { make } from "./dom.js";
import { notAsked, PATIENCE, SILENT } from "./sources.js";
import { TABS, tabsOf } from "./view_state.js";

/** @import { Tab } from "./types.d.ts" */
/** @import { Explorer } from "./explorer.js" */

const KINDS = { encoder: "encoder self", decoder: "decoder self", cross: "cross" };

/** @param {Explorer} explorer */
export function header(explorer) {
  const { data, spec, view } = explorer;
  const [rows, columns] = [data.rows.length, data.columns.length];
  const tokens = rows === columns ? rows : `${rows} × ${columns}`;
  const size = `${data.layers} layers × ${data.heads} heads · ${tokens} tokens`;
  const label = make("strong", { dir: "auto" }, spec.sides[view.side].label);
  const help = {
    type: "button",
    className: "lcx-icon",
    "aria-label": "Keyboard shortcuts",
    title: "Keyboard shortcuts (?)",
    onclick: () => explorer.help.showModal(),
  };
  return make(
    "header",
    { className: "lcx-head" },
    make("div", { className: "lcx-title" }, label, make("span", {}, size)),
    spec.sides.length > 1 && sideChoice(explorer),
    kindChoice(explorer),
    make("button", help, "?"),
  );
}

function sideChoice(explorer) {
  const { spec, view } = explorer;
  const sides = spec.sides.map((side, i) => [i, `${i + 1}: ${side.label}`]);
  const set = (side) => explorer.change({ side: Number(side), row: null, col: null }, true);
  return choice(explorer, "Side", sides, () => view.side, set);
}

/** The kinds of attention to choose from, or the name of the only one. */
function kindChoice(explorer) {
  const { data, spec, view } = explorer;
  const kinds = spec.sides[view.side].kinds.map(({ kind }) => [kind, KINDS[kind] ?? kind]);
  if (kinds.length === 1) {
    const name = data.kind === "cross" ? "cross-attention" : `${data.kind} self-attention`;
    return make("span", { className: "lcx-quiet" }, name);
  }
  const set = (kind) => explorer.change({ kind, row: null, col: null, set: null }, true);
  return choice(explorer, "Attention", kinds, () => view.kind, set);
}

/** The tabs: arrows go from one to the next. */
export class TabList {
  /** @param {Explorer} explorer */
  constructor(explorer) {
    this.explorer = explorer;
    this.names = tabsOf(explorer.spec);
    const attributes = { className: "lcx-tabs", role: "tablist", "aria-label": "View" };
    this.el = make(
      "div",
      attributes,
      this.names.map((name) => this.tab(name)),
    );
  }

  /** Show a tab, and give it the focus. @param {number} n */
  open(n) {
    this.explorer.change({ tab: this.names[n] });
    /** @type {HTMLElement} */ (this.el.children[n]).focus();
  }

  /** @param {Tab} name */
  tab(name) {
    const { explorer, names } = this;
    const tab = make(
      "button",
      {
        type: "button",
        role: "tab",
        id: `${explorer.id}-${name}`,
        "aria-controls": explorer.main.id,
        onclick: () => explorer.change({ tab: name }),
        onkeydown: (event) => {
          const by = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
          if (!by) return;
          event.preventDefault();
          this.open((names.indexOf(name) + by + names.length) % names.length);
        },
      },
      TABS[name],
    );
    explorer.onChange(() => {
      const on = explorer.view.tab === name;
      tab.setAttribute("aria-selected", String(on));
      tab.tabIndex = on ? 0 : -1;
      if (on) explorer.main.setAttribute("aria-labelledby", tab.id);
    });
    return tab;
  }
}

/** The text to edit and run again. @param {Explorer} explorer */
export function textForm({ spec, signal, rerun }) {
  const field = (label, value) => make("input", { type: "text", value, "aria-label": label, placeholder: label });
  const text = field("Text", spec.text ?? "");
  const pair = (spec.pair ?? null) === null ? null : field("Second text", spec.pair);
  const go = make("button", { type: "submit" }, "Run again");
  const problem = make("span", { className: "lcx-problem", role: "alert" }, spec.problem ?? "");
  // The button keeps the focus: it only says that it waits. An answer brings a new explorer, also a late one.
  const wait = (on) => {
    go.setAttribute("aria-disabled", String(on));
    go.textContent = on ? "Running…" : "Run again";
  };
  const stop = (words) => {
    wait(false);
    problem.textContent = words;
  };
  const submit = (event) => {
    event.preventDefault();
    if (go.getAttribute("aria-disabled") === "true") return;
    wait(true);
    problem.textContent = "";
    const timer = setTimeout(stop, PATIENCE, SILENT);
    signal.addEventListener("abort", () => clearTimeout(timer), { once: true });
    try {
      rerun(text.value, pair?.value ?? null);
    } catch (error) {
      clearTimeout(timer);
      stop(notAsked(error));
    }
  };
  return make("form", { className: "lcx-form", onsubmit: submit }, text, pair, go, problem);
}
