/** The view: what it starts with, what it may be, and what it asks for. */

import { clamp, range } from "./numbers.js";

/** @import { Attention, Filter, HeadPair, Question, Spec, Tab, View } from "./types.d.ts" */

/** @type {Record<Tab, string>} */
export const TABS = { overview: "Overview", map: "Heat map", lines: "Lines", pair: "Query · key", compare: "Compare" };

/** @type {View} */
const START = {
  tab: "overview",
  source: "head",
  side: 0,
  kind: null,
  layer: 0,
  head: 0,
  layer2: null,
  head2: null,
  row: null,
  col: null,
  from: "all",
  to: "all",
  special: true,
  shade: 1,
  sort: "layer",
  measure: "entropy",
  set: null,
  zoom: 0,
  bySize: false,
};
const FARTHEST = -12; // steps of zoom
const NEAREST = 24;

/** A whole view; what was not given is as it is at the start. @returns {View} */
export function viewFrom(given = {}) {
  const entries = Object.entries(START).map(([name, first]) => [name, given?.[name] ?? first]);
  return /** @type {View} */ (Object.fromEntries(entries));
}

/** @param {Spec} spec @returns {Tab[]} */
export function tabsOf(spec) {
  const all = /** @type {Tab[]} */ (Object.keys(TABS));
  return all.filter((name) => name !== "compare" || spec.sides.length > 1);
}

/** The kind of attention that is looked at on a side, or its first. @param {Spec} spec @returns {Attention} */
export function attentionOf(spec, view, side) {
  const { kinds } = spec.sides[clamp(side, 0, spec.sides.length - 1)];
  return kinds.find((one) => one.kind === view.kind) ?? kinds[0];
}

/**
 * Keep a view inside what its texts and models have: an edited text may be shorter, another model smaller.
 *
 * @param {View} view
 * @param {Spec} spec
 * @param {(data: Attention) => boolean} hasRollout
 */
export function settle(view, spec, hasRollout) {
  const place = (x, n) => clamp(Number.isInteger(x) ? x : 0, 0, n - 1);
  const token = (x, n) => (Number.isInteger(x) && x >= 0 && x < n ? x : null);
  const among = (x, some) => (some.includes(x) ? x : some[0]);
  view.side = place(view.side, spec.sides.length);
  view.tab = among(view.tab, tabsOf(spec));
  const data = attentionOf(spec, view, view.side);
  const both = view.tab === "compare" ? [data, attentionOf(spec, view, 1 - view.side)] : [data];
  // what only the second text has can be pinned, too
  const longest = (axis) => Math.max(...both.map((one) => one[axis].length));
  view.kind = data.kind;
  view.layer = place(view.layer, data.layers);
  view.head = place(view.head, data.heads);
  view.layer2 = token(view.layer2, Number.POSITIVE_INFINITY);
  view.head2 = token(view.head2, Number.POSITIVE_INFINITY);
  view.row = token(view.row, longest("rows"));
  view.col = token(view.col, longest("columns"));
  view.measure = among(view.measure, data.measures);
  view.sort = among(view.sort, ["layer", "up", "down"]);
  view.from = among(view.from, ["all", 0, 1]);
  view.to = among(view.to, ["all", 0, 1]);
  view.special = view.special !== false;
  view.bySize = view.bySize === true;
  view.shade = view.shade > 0 && view.shade <= 1 ? view.shade : 1;
  view.zoom = Number.isInteger(view.zoom) ? zoomed(view.zoom, 0) : 0;
  view.set = Array.isArray(view.set)
    ? headsWithin(view.set, data)
    : range(data.heads).map((n) => /** @type {HeadPair} */ ([view.layer, n]));
  view.source = among(view.source, ["head", "average", "rollout"]);
  if (view.source === "rollout" && !hasRollout(data)) view.source = "head";
}

/** A zoom some steps nearer or, below 0, farther. */
export const zoomed = (zoom, by) => clamp(zoom + by, FARTHEST, NEAREST);

/** Those heads of a set that a model has. @returns {HeadPair[]} */
function headsWithin(set, { layers, heads }) {
  const has = (x, n) => Number.isInteger(x) && x >= 0 && x < n;
  return set.filter((pair) => Array.isArray(pair) && has(pair[0], layers) && has(pair[1], heads));
}

/** Which rows and columns are shown. @param {Attention} data @param {View} view @returns {Filter} */
export function filterOf(data, { from, to, special }) {
  const pick = (n, segments, specials, which) => {
    const at = range(n).filter((i) => (which === "all" || segments[i] === which) && (special || !specials[i]));
    return at.length ? at : range(n);
  };
  return {
    key: `${data.id} ${from} ${to} ${special}`,
    rowsAt: pick(data.rows.length, data.rowSegments, data.rowSpecial, from),
    colsAt: pick(data.columns.length, data.segments, data.special, to),
  };
}

/** What a view asks for, where it looks at this head. @returns {Question} */
export function questionOf(view, data, layer, head) {
  const source = view.tab === "pair" ? "head" : view.source;
  if (source === "head") {
    return { source, layer, head, key: `${data.id} head ${layer} ${head}`, name: `layer ${layer}, head ${head}` };
  }
  if (source === "rollout") return { source, key: `${data.id} rollout`, name: "rollout over all layers" };
  const set = headsWithin(view.set, data);
  const name = `average of ${set.length} head${set.length === 1 ? "" : "s"}`;
  return { source, set, key: `${data.id} mean ${set}`, name };
}
