/** The explorer as a widget: its model carries the specification, the first blocks and the view. */

import { toBlock } from "./decode.js";
import { focusOf, refocus } from "./dom.js";
import { Explorer } from "./explorer.js";
import { cellOf, noCell } from "./notebook_cell.js";
import { LiveSource } from "./sources.js";
import { complete } from "./spec.js";

/** @import { Cell } from "./notebook_cell.js" */
/** @import { Remember, Spec, WidgetModel } from "./types.d.ts" */

const LARGEST = 2e6; // bytes of weights that a notebook keeps

/** What anywidget calls; it gives back what ends the widget. @param {{model: WidgetModel, el: any}} widget */
export function render({ model, el }) {
  const cell = findCell(model);
  /** @type {AbortController | null} */
  let stop = null;
  const start = () => {
    const focused = focusOf(el);
    const again = stop !== null;
    stop?.abort();
    stop = new AbortController();
    const spec = complete(structuredClone(model.get("spec")));
    const given = model.get("view");
    const explorer = new Explorer(
      el,
      {
        spec,
        source: new LiveSource(model, stop.signal, () => explorer.refresh()),
        view: Object.keys(given ?? {}).length ? given : (cell.state.view ?? {}),
        remember: keeper(model, cell, spec),
        rerun: spec.rerun ? (text, pair) => model.send({ type: "rerun", text, pair }) : null,
      },
      stop.signal,
    );
    el.lcx = explorer;
    refocus(el, focused);
    if (again && !spec.problem) explorer.announce(`Read again: ${explorer.data.rows.length} tokens.`);
  };
  start();
  model.on("change:spec", start);
  return () => {
    model.off("change:spec", start);
    stop.abort();
    cell.leave();
    el.replaceChildren();
  };
}

function findCell(model) {
  try {
    return cellOf(model, model.get("key"));
  } catch (error) {
    console.warn("The view will not be kept in the notebook:", error);
    return noCell();
  }
}

/** Keeps the view in the kernel and in the notebook. @param {Cell} cell @param {Spec} spec @returns {Remember} */
function keeper(model, cell, spec) {
  let timer = null;
  let told = null;
  const keep = async (view, changed, matrices = []) => {
    const now = JSON.stringify(view);
    if (changed && now !== told) {
      // said once: a notebook that was saved stays saved
      told = now;
      model.set("view", view);
      model.save_changes();
      cell.keep(view);
    }
    if (spec.turn) return; // the page in the output is that of the text before the edit
    const some = matrices.filter(({ bytes }) => bytes?.length < LARGEST);
    cell.state.kept = await Promise.all(some.map(async ({ key, bytes }) => [key, await toBlock(bytes)]));
  };
  return (...now) => {
    clearTimeout(timer);
    timer = setTimeout(keep, 200, ...now);
  };
}
