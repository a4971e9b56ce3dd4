/** The heat map: a row for each token that looks, a column for each that is looked at. */

import { font } from "./board.js";
import { textColorOn } from "./colors.js";
import { make } from "./dom.js";
import { clamp } from "./numbers.js";
import { shortened } from "./text.js";

/** @import { Chart, Content, Point } from "./types.d.ts" */
/** @import { Explorer } from "./explorer.js" */
/** @import { Matrix } from "./matrix.js" */

const CELL_SIZES = [
  ...[1 / 16, 1 / 12, 1 / 8, 1 / 6, 1 / 5, 1 / 4, 1 / 3, 1 / 2],
  ...[1, 2, 3, 4, 5, 6, 8, 10, 12, 14, 16, 18, 20, 22, 24, 26, 28, 32, 36, 40, 48],
];
const LABEL_STEPS = [1, 2, 5, 10, 20, 50, 100, 200, 500, 1000];
const CELL_MOVES = {
  ...{ ArrowUp: [-1, 0], ArrowDown: [1, 0], ArrowLeft: [0, -1], ArrowRight: [0, 1] },
  ...{ PageUp: [-10, 0], PageDown: [10, 0], Home: [0, -1e9], End: [0, 1e9] },
};
const DIRECT = 4e6; // cells: of larger pictures only what is visible is read
const DETAIL = 1024; // rows or columns of the picture that the scale of such a picture is read from

/** @implements {Chart} */
export class HeatMap {
  /** @param {Explorer} explorer @param {() => Content} content what is drawn now */
  constructor(explorer, content) {
    this.explorer = explorer;
    this.content = content;
    this.buffer = make("canvas"); // one pixel a cell
    this.measured = "";
    this.rowWidth = this.colWidth = 0; // of the longest names in the font of 12 pixels
    this.cell = 1; // pixels a side
    this.named = false; // whether tokens have names; if not, numbers stand at round places
    this.font = 12;
    this.left = this.top = 0; // the room for names
    this.slope = 0; // of the names of columns
    /** @type {number | undefined} */
    this.peak = undefined;
  }

  /** @returns {[number, number]} */
  size(width) {
    const { data, filter } = this.content();
    const { rowsAt, colsAt } = filter;
    this.measure(data, filter);
    const { rowWidth, colWidth, explorer } = this;
    const room = Math.min((width - rowWidth - 60) / colsAt.length, (explorer.maxHeight - 60) / rowsAt.length);
    const fit = CELL_SIZES.findLastIndex((c) => c <= clamp(room, CELL_SIZES[0], 28));
    this.cell = CELL_SIZES[clamp(fit + explorer.view.zoom, 0, CELL_SIZES.length - 1)];
    this.named = this.cell >= 10;
    this.font = Math.min(12, this.cell);
    this.left = this.named ? Math.ceil((rowWidth * this.font) / 12) + 14 : 44;
    this.slope = this.cell < 14 ? Math.PI / 2 : Math.PI / 4; // upright where columns are close
    this.top = this.named ? Math.ceil((colWidth * Math.sin(this.slope) * this.font) / 12) + 16 : 24;
    const slant = this.named && this.cell >= 14 ? this.top : 16;
    return [this.left + colsAt.length * this.cell + slant, this.top + rowsAt.length * this.cell + 4];
  }

  /** How wide the names are; measured once for a choice of tokens. */
  measure(data, { key, rowsAt, colsAt }) {
    if (this.measured === key) return;
    const ctx = make("canvas").getContext("2d");
    ctx.font = font(12);
    const widest = (tokens, at) =>
      at.reduce((most, i) => Math.max(most, ctx.measureText(shortened(tokens[i])).width), 20);
    this.measured = key;
    this.rowWidth = widest(data.rows, rowsAt);
    this.colWidth = widest(data.columns, colsAt);
  }

  /** @returns {Point | null} */
  hit(x, y, scrollX, scrollY) {
    const { rowsAt, colsAt } = this.content().filter;
    const j = Math.floor((x + scrollX - this.left) / this.cell);
    const i = Math.floor((y + scrollY - this.top) / this.cell);
    const row = y > this.top && i < rowsAt.length ? rowsAt[i] : null;
    const col = x > this.left && j < colsAt.length ? colsAt[j] : null;
    return row === null || (x > this.left && col === null) ? null : { row, col };
  }

  /** @returns {Point | null} */
  move(key, { row, col }, far) {
    const { rowsAt, colsAt } = this.content().filter;
    const move = CELL_MOVES[key];
    if (!move) return null;
    const step = far && key.startsWith("Arrow") ? 10 : 1;
    const go = (at, from, by) => at[from < 0 ? 0 : clamp(from + step * by, 0, at.length - 1)];
    return { row: go(rowsAt, rowsAt.indexOf(row), move[0]), col: go(colsAt, colsAt.indexOf(col), move[1]) };
  }

  /** @returns {[number, number, number, number, number, number]} */
  boxOf({ row, col }) {
    const { rowsAt, colsAt } = this.content().filter;
    const { cell, left, top } = this;
    return [left + colsAt.indexOf(col) * cell, top + rowsAt.indexOf(row) * cell, cell, cell, left, top];
  }

  draw(ctx, { x, y, w, h, fine = 1 }) {
    const { matrix, data, filter, difference } = this.content();
    const { rowsAt, colsAt } = filter;
    const { cell, left, top } = this;
    const { colors } = this.explorer;
    const seen = {
      x,
      y,
      i0: Math.floor(y / cell),
      j0: Math.floor(x / cell),
      i1: Math.min(rowsAt.length, Math.ceil((y + h - top) / cell)),
      j1: Math.min(colsAt.length, Math.ceil((x + w - left) / cell)),
    };
    if (!matrix || seen.i1 <= seen.i0 || seen.j1 <= seen.j0) {
      ctx.fillStyle = colors.soft;
      ctx.fillRect(left, top, colsAt.length * cell, rowsAt.length * cell);
      return;
    }
    const picture = this.pooled(matrix, seen);
    const ramp = colors.ramps[difference ? "difference" : "weight"];
    const level = difference ? differenceLevel(this.peak) : weightLevel(this.peak);
    ctx.save();
    ctx.beginPath();
    ctx.rect(left, top, w - left, h - top);
    ctx.clip();
    this.paintCells(ctx, picture, (v) => ramp[level(v)], seen);
    if (cell * fine >= 10) this.drawGrid(ctx, seen);
    const over = (each) =>
      this.overCells(matrix, filter, seen, this.peak / 400, (v, ...middle) => {
        ctx.fillStyle = ctx.strokeStyle = textColorOn(ramp[level(v)]);
        each(v, ...middle);
      });
    if (cell >= 26 && cell * fine >= 13) drawNumbers(ctx, over, difference);
    else if (difference && cell * fine >= 6) drawSigns(ctx, over, Math.min(4, cell / 4));
    ctx.strokeStyle = colors.line;
    ctx.strokeRect(left - x - 0.5, top - y - 0.5, colsAt.length * cell + 1, rowsAt.length * cell + 1);
    this.drawFrames(ctx, seen, filter);
    ctx.restore();
    this.drawLabels(ctx, data, filter, seen, w, h);
  }

  /**
   * The weights of what is seen, and with them the scale. Short texts are pooled by 1, which costs one pass; of long
   * ones only what is visible is looked at.
   *
   * @param {Matrix} matrix
   * @returns {{row: (a: number) => Float32Array, columns: number[] | null, step: number,
   *   a0: number, b0: number, a1: number, b1: number}}
   *   rows by number, where in a row the columns stand, and what is seen
   */
  pooled(matrix, { i0, j0, i1, j1 }) {
    const { filter, sharedPeak } = this.content();
    const { rowsAt, colsAt } = filter;
    const { explorer } = this;
    const step = this.cell < 1 ? Math.round(1 / this.cell) : 1;
    const direct = step === 1 && rowsAt.length * colsAt.length > DIRECT;
    const coarse = direct ? Math.ceil(Math.max(rowsAt.length, colsAt.length) / DETAIL) : step;
    const known = matrix.pooled.size;
    const pooled = matrix.pool(coarse, filter, () => explorer.isShowing(matrix));
    if (sharedPeak && matrix.pooled.size > known) explorer.repaint(); // the pictures beside it share its scale
    this.peak = Math.min(sharedPeak?.() ?? pooled.peak, explorer.view.shade);
    if (direct) {
      return { row: (a) => matrix.row(rowsAt[a]), columns: colsAt, step, a0: i0, b0: j0, a1: i1, b1: j1 };
    }
    const { data, wide } = pooled;
    const row = (a) => data.subarray(a * wide, (a + 1) * wide);
    const [a0, b0] = [Math.floor(i0 / step), Math.floor(j0 / step)];
    return { row, columns: null, step, a0, b0, a1: Math.ceil(i1 / step), b1: Math.ceil(j1 / step) };
  }

  /** Draw cells, or blocks of `step` x `step` cells, as one picture that is enlarged. */
  paintCells(ctx, { row, columns, step, a0, b0, a1, b1 }, color, { x, y }) {
    const image = new ImageData(b1 - b0, a1 - a0);
    const pixels = new Uint32Array(image.data.buffer);
    for (let a = a0, at = 0; a < a1; a++) {
      const values = row(a);
      for (let b = b0; b < b1; b++, at++) pixels[at] = color(values[columns ? columns[b] : b]);
    }
    const { buffer } = this;
    Object.assign(buffer, { width: image.width, height: image.height });
    buffer.getContext("2d").putImageData(image, 0, 0);
    const size = this.cell * step;
    const [left, top] = [this.left + b0 * size - x, this.top + a0 * size - y];
    ctx.imageSmoothingEnabled = false;
    ctx.drawImage(buffer, left, top, image.width * size, image.height * size);
  }

  drawGrid(ctx, { i0, i1, j0, j1, x, y }) {
    const { left, top, cell } = this;
    ctx.fillStyle = this.explorer.colors.back;
    for (let i = i0; i <= i1; i++) ctx.fillRect(left, Math.round(top + i * cell - y), j1 * cell - x, 1);
    for (let j = j0; j <= j1; j++) ctx.fillRect(Math.round(left + j * cell - x), top, 1, i1 * cell - y);
  }

  /** Call something with each cell in sight that is not nearly empty, and with its middle. */
  overCells(matrix, { rowsAt, colsAt }, { i0, i1, j0, j1, x, y }, least, each) {
    for (let i = i0; i < i1; i++) {
      const row = matrix.row(rowsAt[i]);
      for (let j = j0; j < j1; j++) {
        const v = row[colsAt[j]];
        if (Math.abs(v) > least) each(v, this.left + (j + 0.5) * this.cell - x, this.top + (i + 0.5) * this.cell - y);
      }
    }
  }

  /** Frames around the pinned row and column and the pair under the pointer. */
  drawFrames(ctx, { x, y }, { rowsAt, colsAt }) {
    const { view, pointed, colors } = this.explorer;
    const { cell, left, top } = this;
    const side = Math.max(cell, 3);
    const frame = (row, col, color) => {
      const [i, j] = [rowsAt.indexOf(row), colsAt.indexOf(col)];
      ctx.strokeStyle = color;
      if (i >= 0 && j >= 0) ctx.strokeRect(left + j * cell - x, top + i * cell - y, side, side);
      else if (i >= 0) ctx.strokeRect(left - x, top + i * cell - y, colsAt.length * cell, side);
      else if (j >= 0) ctx.strokeRect(left + j * cell - x, top - y, side, rowsAt.length * cell);
    };
    ctx.lineWidth = 2;
    if (view.row !== null) frame(view.row, null, colors.accent);
    if (view.col !== null) frame(null, view.col, colors.accent);
    if (pointed) frame(pointed.row, pointed.col, colors.front);
    ctx.lineWidth = 1;
  }

  drawLabels(ctx, data, { rowsAt, colsAt }, { i0, i1, j0, j1, x, y }, w, h) {
    const { colors, view, pointed } = this.explorer;
    const { cell, left, top, named } = this;
    const step = named ? 1 : (LABEL_STEPS.find((s) => s * cell >= 36) ?? 2000);
    const text = (tokens, i) => (named ? shortened(tokens[i]) : String(i));
    const choosePen = (i, axis) => {
      const [active, pinned] = [pointed?.[axis] === i, view[axis] === i];
      ctx.font = font(this.font < 10 ? 11 : this.font, active || pinned);
      ctx.fillStyle = pinned ? colors.accent : active ? colors.front : colors.quiet;
    };
    const within = (box, labels) => {
      ctx.save();
      ctx.beginPath();
      ctx.rect(...box);
      ctx.clip();
      labels();
      ctx.restore();
    };
    ctx.textBaseline = "middle";
    within([0, top - 6, left, h], () => {
      ctx.textAlign = "right";
      for (let i = Math.ceil(i0 / step) * step; i < i1; i += step) {
        choosePen(rowsAt[i], "row");
        ctx.fillText(text(data.rows, rowsAt[i]), left - 7, top + (i + 0.5) * cell - y);
      }
    });
    within([left - 8, 0, w, top], () => {
      ctx.textAlign = named ? "left" : "center";
      for (let j = Math.ceil(j0 / step) * step; j < j1; j += step) {
        choosePen(colsAt[j], "col");
        ctx.save();
        ctx.translate(left + (j + 0.5) * cell - x, top - (named ? 8 : 11));
        if (named) ctx.rotate(-this.slope);
        ctx.fillText(text(data.columns, colsAt[j]), 0, 0);
        ctx.restore();
      }
    });
  }
}

const weightLevel = (peak) => (v) => Math.min(255, Math.round(255 * Math.sqrt(v / peak)));
const differenceLevel = (peak) => (v) =>
  Math.round(127.5 + 127.5 * Math.sign(v) * Math.sqrt(Math.min(Math.abs(v) / peak, 1)));

function drawNumbers(ctx, over, difference) {
  ctx.font = font(10);
  ctx.textAlign = "center";
  ctx.textBaseline = "middle";
  over((v, x, y) => {
    if (Math.abs(v) < 0.005) return;
    const text = Math.abs(v) > 0.995 ? "1.0" : Math.abs(v).toFixed(2).slice(1);
    ctx.fillText((difference ? (v < 0 ? "−" : "+") : "") + text, x, y);
  });
}

/** Where a difference has no room for its number, a stroke says minus and a cross plus. */
function drawSigns(ctx, over, half) {
  ctx.lineWidth = 1;
  over((v, x, y) => {
    ctx.beginPath();
    ctx.moveTo(x - half, y);
    ctx.lineTo(x + half, y);
    if (v > 0) {
      ctx.moveTo(x, y - half);
      ctx.lineTo(x, y + half);
    }
    ctx.stroke();
  });
}
