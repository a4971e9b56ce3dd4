/** Attention weights, row by row on demand: long texts have more of them than a browser should hold. */

import { BIAS } from "./decode.js";
import { range } from "./numbers.js";

/** @import { Attention, Filter } from "./types.d.ts" */
/** @import { Head } from "./decode.js" */

const KEPT = 6e6; // weights: 24 MB
const SLICE = 30; // milliseconds of work between two looks at what the reader does
const SQUARES = Float32Array.from(range(256), (v) => (v / 255) ** 2);

/**
 * The largest weights of blocks of `step` x `step`, and the largest of all; complete once `ready`.
 *
 * @typedef {object} Pooled
 * @property {number} step
 * @property {number} wide
 * @property {number} high
 * @property {Float32Array} data high x wide
 * @property {number} peak
 * @property {boolean} ready
 */

/** Weights whose rows are given by a function, as averages and differences are. */
export class Matrix {
  /** @param {(row: number) => Float32Array} compute */
  constructor(rows, columns, compute) {
    this.rows = rows;
    this.columns = columns;
    this.compute = compute;
    /** @type {Map<number, Float32Array>} */
    this.kept = new Map();
    /** @type {Map<string, Pooled>} */
    this.pooled = new Map();
    this.limit = Math.max(64, Math.floor(KEPT / columns));
    /** The head that the weights are of. @type {Head | null} */
    this.head = null;
    /** The bytes that the kernel sent for it. @type {Uint8Array | null} */
    this.bytes = null;
    // What it is the answer to.
    this.key = "";
    this.name = "";
    /** @type {Attention | null} */
    this.data = null;
  }

  /** Weights of one query, Float32Array(columns). */
  row(i) {
    let found = this.kept.get(i);
    if (found) return found;
    if (this.kept.size >= this.limit) this.kept.delete(this.kept.keys().next().value);
    found = this.compute(i);
    this.kept.set(i, found);
    return found;
  }

  /**
   * Pool what a filter shows; made in slices, so that the page stays alive.
   *
   * @param {number} step
   * @param {Filter} filter
   * @param {() => boolean} more is told of each slice, and says whether to go on
   * @returns {Pooled}
   */
  pool(step, filter, more) {
    const { rowsAt, colsAt } = filter;
    const key = `${step} ${filter.key}`;
    if (this.pooled.has(key)) return this.pooled.get(key);
    const wide = Math.ceil(colsAt.length / step);
    const high = Math.ceil(rowsAt.length / step);
    const pooled = { step, wide, high, data: new Float32Array(wide * high), peak: 1e-9, ready: false };
    this.pooled.set(key, pooled);
    let i = 0;
    let later = false; // the first slice is part of the drawing that asks for it
    const slice = () => {
      if (i && !more()) {
        this.pooled.delete(key);
        return;
      }
      const until = performance.now() + SLICE;
      while (i < rowsAt.length) {
        poolRow(pooled, this.row(rowsAt[i]), colsAt, Math.floor(i / step) * wide);
        i++;
        if (performance.now() > until) {
          setTimeout(slice);
          return;
        }
      }
      pooled.ready = true;
      if (later) more();
    };
    slice();
    later = true;
    return pooled;
  }

  /** Column and weight of the strongest in a row among those shown, whatever their sign. */
  strongest(i, colsAt, count = 3) {
    const row = this.row(i);
    const sorted = [...colsAt].sort((a, b) => Math.abs(row[b]) - Math.abs(row[a]));
    return sorted.slice(0, count).map((j) => [j, row[j]]);
  }
}

/** Let one row count for the blocks that begin at `base`. */
function poolRow(pooled, row, colsAt, base) {
  const { step, data } = pooled;
  for (let j = 0; j < colsAt.length; j++) {
    const w = row[colsAt[j]];
    const at = base + (step === 1 ? j : Math.floor(j / step));
    if (Math.abs(w) > Math.abs(data[at])) {
      data[at] = w;
      pooled.peak = Math.max(pooled.peak, Math.abs(w));
    }
  }
}

/**
 * The weights of one head, from its queries and keys unless they came themselves.
 *
 * @param {Head} head
 */
export function headMatrix(rows, columns, head) {
  const compute = head.weights ? storedRows(head, columns) : softmaxRows(head, rows, columns);
  const matrix = new Matrix(rows, columns, compute);
  matrix.head = head;
  return matrix;
}

function storedRows({ weights }, columns) {
  return (i) => {
    const out = new Float32Array(columns);
    for (let j = 0, at = i * columns; j < columns; j++, at++) out[j] = SQUARES[weights[at]];
    return out;
  };
}

/** softmax(scale · query · key + bias) of a row. */
function softmaxRows(head, rows, columns) {
  const { d, key, query, scale, shift } = head;
  const byDimension = new Float32Array(d * columns); // keys transposed: the inner loop runs along memory
  for (let j = 0; j < columns; j++) for (let k = 0; k < d; k++) byDimension[k * columns + j] = key[j * d + k];
  return (i) => {
    const out = new Float32Array(columns);
    const end = head.bias === BIAS.causal ? Math.min(columns, i + 1 + columns - rows) : columns;
    addScores(
      out,
      query.subarray(i * d, (i + 1) * d).map((x) => x * scale),
      byDimension,
      end,
    );
    if (shift) for (let j = 0, at = rows - 1 - i; j < end; j++, at++) out[j] += shift[at];
    let peak = -Infinity;
    let sum = 0;
    for (let j = 0; j < end; j++) if (out[j] > peak) peak = out[j];
    for (let j = 0; j < end; j++) sum += out[j] = Math.exp(out[j] - peak);
    for (let j = 0; j < end; j++) out[j] /= sum;
    return out;
  };
}

/** Add the products of a query with the first `end` keys. */
function addScores(out, query, byDimension, end) {
  const n = out.length;
  let k = 0;
  for (; k + 4 <= query.length; k += 4) {
    // four dimensions at a time: each sum is read and written a quarter as often
    const [a, b, c, d] = query.subarray(k, k + 4);
    for (let j = 0, at = k * n, bt = at + n, ct = bt + n, dt = ct + n; j < end; j++) {
      out[j] += a * byDimension[at + j] + b * byDimension[bt + j] + c * byDimension[ct + j] + d * byDimension[dt + j];
    }
  }
  for (; k < query.length; k++) for (let j = 0, at = k * n; j < end; j++) out[j] += query[k] * byDimension[at + j];
}

/** One matrix less another of the same size. */
export class Difference extends Matrix {
  /** @param {Matrix} first @param {Matrix} second */
  constructor(first, second) {
    super(first.rows, first.columns, (i) => {
      const other = second.row(i);
      return first.row(i).map((w, j) => w - other[j]);
    });
    this.first = first;
    this.second = second;
    this.name = first.name === second.name ? first.name : `${first.name} less ${second.name}`;
  }
}
