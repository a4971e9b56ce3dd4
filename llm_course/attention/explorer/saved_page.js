/** The explorer as a page of its own: everything is in its script blocks, and the view is kept in the address. */

import { Explorer } from "./explorer.js";
import { pressed } from "./keyboard.js";
import { PageSource } from "./sources.js";
import { complete } from "./spec.js";

/** @import { Remember } from "./types.d.ts" */

/** @param {Document} root */
export function startPage(root) {
  const spec = complete(JSON.parse(root.querySelector("script[data-block=spec]").textContent));
  const el = /** @type {any} */ (root.querySelector("[data-explorer]"));
  const explorer = new Explorer(
    el,
    {
      spec,
      source: new PageSource(root),
      view: { ...spec.view, ...viewOfAddress() },
      remember: keeperInAddress(),
      rerun: null,
    },
    new AbortController().signal,
  );
  el.lcx = explorer;
  // The page is nothing but the explorer: keys work before anything in it has the focus.
  root.addEventListener("keydown", (event) => {
    if (event.target === root.body) pressed(explorer, event);
  });
}

function viewOfAddress() {
  try {
    return JSON.parse(decodeURIComponent(location.hash.slice(1)) || "{}");
  } catch {
    return {}; // an address that was not ours
  }
}

/** @returns {Remember} */
function keeperInAddress() {
  let timer = null;
  const keep = (view) => {
    try {
      history.replaceState(null, "", `#${encodeURIComponent(JSON.stringify(view))}`);
    } catch {
      // inside a notebook's output there is no address
    }
  };
  return (view, changed) => {
    if (!changed) return;
    clearTimeout(timer);
    timer = setTimeout(keep, 150, view);
  };
}
