/**
 * The notebook cell that shows a widget, as a place to keep its view; in JupyterLab only, elsewhere it keeps nothing.
 *
 * The view goes into the cell's metadata, which a new run of the cell reads. And when the notebook is saved, the output
 * is written without the widget, whose state dies with the kernel, and with the view inside the static page: whoever
 * opens the notebook later sees the page as it was left, not a message that a model was not found.
 */

/** @import { View, WidgetModel } from "./types.d.ts" */

/**
 * What is kept of a widget: its view, and blocks of weights that belong to it. Views of one widget (a second window on
 * the notebook) share it; the last that leaves cleans up.
 *
 * @typedef {{view: Partial<View> | null, kept: [key: string, block: string][], views: number}} State
 * @typedef {{state: State, keep: (view: View) => void, leave: () => void}} Cell
 */

const WIDGET_VIEW = "application/vnd.jupyter.widget-view+json";
const METADATA = "llm_course_view";

/** The states of the widgets in a cell's shared model, by their keys. @type {WeakMap<object, Map<string, State>>} */
const statesOf = new WeakMap();
const keyOf = (output) => output.data?.[WIDGET_VIEW]?.explorer;

/** The cell of the widget with this key. @param {WidgetModel} model @param {string} key @returns {Cell} */
export function cellOf(model, key) {
  for (const cell of model.widget_manager?.context?.model?.cells ?? []) {
    const shared = cell.sharedModel;
    if (cell.type !== "code" || typeof shared?.toJSON !== "function") continue;
    if (!shared.getOutputs?.().some((output) => keyOf(output) === key)) continue;
    const states = statesOf.get(shared) ?? patchToJSON(shared);
    const state = states.get(key) ?? { view: cell.getMetadata(METADATA), kept: [], views: 0 };
    states.set(key, state);
    state.views++;
    return {
      state,
      keep: (view) => {
        state.view = view;
        cell.setMetadata(METADATA, view);
      },
      leave: () => {
        state.views--;
        if (!state.views) states.delete(key);
        if (!states.size) restoreToJSON(shared);
      },
    };
  }
  return noCell();
}

/** A place that keeps nothing. @returns {Cell} */
export function noCell() {
  return { state: { view: null, kept: [], views: 0 }, keep() {}, leave() {} };
}

/** JupyterLab has no hook for what is written to the file: its method is covered for as long as a widget is there. */
function patchToJSON(shared) {
  /** @type {Map<string, State>} */
  const states = new Map();
  const plain = shared.toJSON;
  shared.toJSON = function () {
    const saved = plain.call(this);
    const outputs = saved.outputs.map((output) => {
      const state = states.get(keyOf(output));
      return state ? withView(output, state) : output;
    });
    return { ...saved, outputs };
  };
  statesOf.set(shared, states);
  return states;
}

function restoreToJSON(shared) {
  delete shared.toJSON;
  statesOf.delete(shared);
}

/** An output without the widget, its page at the view and with the weights that belong to it. */
function withView(output, { view, kept }) {
  const { [WIDGET_VIEW]: _, ...data } = output.data;
  const escaped = (c) => `\\u${c.charCodeAt(0).toString(16).padStart(4, "0")}`;
  const text = JSON.stringify(view ?? {}).replace(/[<>&']/g, escaped);
  let html = [data["text/html"]].flat().join("");
  html = html.replace(/(data-block="spec">\{"view":)\{[^{}]*\}/, (_all, before) => before + text);
  const lacksHeads = /data-block="kept \d/.test(html); // only such a page has blocks of this name
  for (const [key, block] of lacksHeads ? kept : []) {
    const start = `data-block="kept ${key}">`;
    if (html.includes(start)) continue;
    const tag = "script"; // its name in full would count as one where this stands in a page
    const element = `<${tag} type="application/octet-stream" ${start}${block}</${tag}>`;
    html = html.replace(/<\/body>/, (end) => `${element}\n${end}`);
  }
  return { ...output, data: { ...data, "text/html": html } };
}
