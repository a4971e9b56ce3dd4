/** What is under the pointer or pinned, in words. */

import { quoted, signedText, weightText } from "./text.js";

/** @import { Difference } from "./matrix.js" */
/** @import { Explorer } from "./explorer.js" */

/** A sentence about the picture that is pointed at, else about the first. @param {Explorer} explorer */
export function sentence(explorer) {
  const { view, spec } = explorer;
  const { data, matrix, difference } = explorer.pointedBoard?.chart.content() ?? explorer.content();
  const at = explorer.pointed ?? view;
  const within = (i, tokens) => (Number.isInteger(i) && i < tokens.length ? i : null);
  const [row, col] = [within(at.row, data.rows), within(at.col, data.columns)];
  const side = data === explorer.data ? view.side : 1 - view.side;
  const label = view.tab === "compare" && !difference ? `${spec.sides[side].label}, ` : "";
  const where = label + (matrix?.name ?? explorer.question(data).name);
  if (!matrix) return `${where}.`;
  const token = (tokens, i) => `${quoted(tokens[i])} (${i})`;
  if (row !== null && col !== null) {
    const pair = `${token(data.rows, row)} looks at ${token(data.columns, col)} with weight`;
    const text = (one) => weightText(one.row(row)[col]);
    if (!difference) return `${pair} ${text(matrix)}; ${where}.`;
    const { first, second } = /** @type {Difference} */ (matrix);
    const both = `${text(first)} first, ${text(second)} second`;
    return `${pair} ${both}: difference ${signedText(matrix.row(row)[col])}; ${where}.`;
  }
  if (row !== null) {
    const strongest = matrix.strongest(row, explorer.filter(data).colsAt);
    const text = difference ? signedText : weightText;
    const list = strongest.map(([j, w]) => `${quoted(data.columns[j])} ${text(w)}`).join(", ");
    return `${token(data.rows, row)} ${difference ? "differs most at" : "looks most at"} ${list}; ${where}.`;
  }
  if (col !== null) return `${token(data.columns, col)} as looked at; ${where}.`;
  return `${where}. Point at a token, or pin one with Enter.`;
}
