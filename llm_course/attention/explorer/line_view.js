/** The line view: tokens that look on the left, tokens that are looked at on the right, a line for each weight. */

import { font } from "./board.js";
import { clamp } from "./numbers.js";
import { shortened, weightText } from "./text.js";

/** @import { Chart, Content, Point } from "./types.d.ts" */
/** @import { Explorer } from "./explorer.js" */

const MARGIN = 8; // above the first token, and between names and lines
const NAMES = 150; // room for the names on the right, before the bars
const TOKEN_MOVES = { ArrowUp: -1, ArrowDown: 1, PageUp: -10, PageDown: 10, Home: -1e9, End: 1e9 };

/** @implements {Chart} */
export class LineView {
  /** @param {Explorer} explorer @param {() => Content} content what is drawn now */
  constructor(explorer, content) {
    this.explorer = explorer;
    this.content = content;
    this.step = 20; // from one token to the next
    this.left = this.right = 0; // where the names end and begin
    /** @type {number | undefined} */
    this.peak = undefined;
  }

  /** @returns {[number, number]} */
  size(width) {
    const { rowsAt, colsAt } = this.content().filter;
    this.step = clamp(20 + 2 * this.explorer.view.zoom, 10, 40);
    const wide = Math.min(width, 820);
    this.left = Math.round(wide * 0.26);
    this.right = Math.round(wide * 0.64);
    return [wide, Math.max(rowsAt.length, colsAt.length) * this.step + 2 * MARGIN];
  }

  /** @returns {Point | null} */
  hit(x, y, _scrollX, scrollY) {
    const { rowsAt, colsAt } = this.content().filter;
    const i = Math.floor((y + scrollY - MARGIN) / this.step);
    if (i < 0) return null;
    if (x < this.left + MARGIN) return i < rowsAt.length ? { row: rowsAt[i], col: null } : null;
    if (x > this.right - MARGIN) return i < colsAt.length ? { row: this.explorer.view.row, col: colsAt[i] } : null;
    return null;
  }

  /** @returns {Point | null} */
  move(key, { row, col }, far) {
    const { rowsAt, colsAt } = this.content().filter;
    if (key === "ArrowLeft") return { row: row ?? rowsAt[0], col: null };
    if (key === "ArrowRight") return { row, col: col ?? colsAt[0] };
    if (!TOKEN_MOVES[key]) return null;
    const by = TOKEN_MOVES[key] * (far ? 10 : 1);
    const go = (at, i) => at[at.includes(i) ? clamp(at.indexOf(i) + by, 0, at.length - 1) : 0];
    return (col ?? null) === null ? { row: go(rowsAt, row), col: null } : { row, col: go(colsAt, col) };
  }

  /** @returns {[number, number, number, number, number, number]} */
  boxOf({ row, col }) {
    const { rowsAt, colsAt } = this.content().filter;
    const i = col === null ? rowsAt.indexOf(row) : colsAt.indexOf(col);
    return [0, MARGIN + i * this.step, 10, this.step, 0, MARGIN];
  }

  draw(ctx, { y, h }) {
    const { matrix, data, filter } = this.content();
    const { rowsAt, colsAt } = filter;
    const { view, pointed } = this.explorer;
    // The token that looks is followed; without one, those that look at a token.
    const looking = (pointed?.col ?? null) === null ? (pointed?.row ?? view.row) : view.row;
    const target = pointed?.col ?? (looking === null ? view.col : null);
    const seen = {
      first: Math.max(0, Math.floor((y - MARGIN) / this.step)),
      last: Math.ceil((y + h) / this.step),
      middle: (i) => MARGIN + (i + 0.5) * this.step - y,
    };
    const weights = matrix && looking !== null && rowsAt.includes(looking) ? matrix.row(looking) : null;
    if (matrix) this.drawLines(ctx, matrix, filter, seen, { looking, target, weights });
    ctx.textBaseline = "middle";
    const name = (tokens, at, i, x, axis) => {
      const chosen = view[axis] === at[i];
      const active = (axis === "row" ? looking : target) === at[i];
      this.drawName(
        ctx,
        (chosen && axis === "row" ? "▸ " : "") + shortened(tokens[at[i]]),
        x,
        seen.middle(i),
        chosen,
        active,
      );
    };
    ctx.textAlign = "right";
    for (let i = seen.first; i < Math.min(seen.last, rowsAt.length); i++) name(data.rows, rowsAt, i, this.left, "row");
    ctx.textAlign = "left";
    for (let j = seen.first; j < Math.min(seen.last, colsAt.length); j++) {
      name(data.columns, colsAt, j, this.right, "col");
      this.drawBar(ctx, weights?.[colsAt[j]] ?? 0, seen.middle(j));
    }
  }

  drawLines(ctx, matrix, filter, { first, last, middle }, { looking, target, weights }) {
    const { rowsAt, colsAt } = filter;
    const coarse = Math.max(1, Math.ceil(Math.max(rowsAt.length, colsAt.length) / 1024));
    const pooled = matrix.pool(coarse, filter, () => this.explorer.isShowing(matrix));
    const followed = weights && target === null;
    // one token's lines are as thick as its own weights allow, all lines as thick as the largest of all
    this.peak = followed ? Math.max(...colsAt.map((j) => weights[j]), 1e-9) : pooled.peak;
    const [from, to] = [this.left + MARGIN, this.right - MARGIN];
    const bend = (this.right - this.left) * 0.4;
    const line = (i, j, w, strong) => {
      const share = w / this.peak;
      if (share < (strong ? 0.004 : 0.03)) return;
      ctx.globalAlpha = Math.min(1, (strong ? 0.25 : 0.06) + 0.8 * share);
      ctx.lineWidth = 0.75 + 3.25 * share;
      ctx.beginPath();
      ctx.moveTo(from, middle(i));
      ctx.bezierCurveTo(from + bend, middle(i), to - bend, middle(j), to, middle(j));
      ctx.stroke();
    };
    ctx.strokeStyle = this.explorer.colors.accent;
    const places = new Map(colsAt.map((j, at) => [j, at]));
    if (followed) {
      for (const [j, at] of places) line(rowsAt.indexOf(looking), at, weights[j], true);
    } else {
      for (let i = first; i < Math.min(last, rowsAt.length); i++) {
        const row = matrix.row(rowsAt[i]);
        if (target !== null) line(i, places.get(target), row[target], true);
        else for (const [j, at] of places) if (row[j] > 0.03 * pooled.peak) line(i, at, row[j], false);
      }
    }
    ctx.globalAlpha = 1;
    ctx.lineWidth = 1;
  }

  drawName(ctx, text, x, y, chosen, active) {
    const { colors } = this.explorer;
    ctx.font = font(Math.min(13, this.step - 3), chosen || active);
    ctx.fillStyle = chosen ? colors.accent : active ? colors.front : colors.ink;
    ctx.fillText(text, x, y);
  }

  /** A bar for a weight, and its number. */
  drawBar(ctx, weight, y) {
    if (weight < 0.0005) return;
    const { colors } = this.explorer;
    const x = this.right + NAMES;
    ctx.fillStyle = colors.accent;
    ctx.fillRect(x, y - 4, Math.max(1, 80 * weight), 8);
    ctx.fillStyle = colors.quiet;
    ctx.font = font(11);
    ctx.fillText(weightText(weight), x + 80 * weight + 6, y);
  }
}
