/** Which dimensions of query and key make the score of one pair of tokens. */

import { BIAS } from "../decode.js";
import { make, makeSvg } from "../dom.js";
import { range } from "../numbers.js";
import { quoted, weightText } from "../text.js";
import { Panel } from "./panel.js";

/** @import { Matrix } from "../matrix.js" */

const WIDTH = 860; // of the bars
const HEIGHT = 150;
const LISTED_DIMENSIONS = 8;
const signedFixed = (x) => (x < 0 ? "−" : "+") + Math.abs(x).toFixed(2);

export class PairPanel extends Panel {
  constructor(explorer) {
    super(explorer);
    this.el = make("div", { className: "lcx-pair" });
  }

  show(main) {
    main.append(this.el);
  }

  loaded() {
    const { data, view, matrix } = this.explorer;
    if (!matrix) {
      this.el.replaceChildren();
      return;
    }
    const [i, j] = [view.row ?? 0, view.col ?? view.row ?? 0];
    const [query, key] = [quoted(data.rows[i]), quoted(data.columns[j])];
    const weight = weightText(matrix.row(i)[j]);
    if (!matrix.head?.query) {
      const missing = "The queries and keys of this head were not recorded, so they cannot be shown.";
      this.el.replaceChildren(make("p", {}, `${query} looks at ${key} with weight ${weight}. ${missing}`));
      return;
    }
    const product = productOf(matrix, i, j);
    const { d, scale } = matrix.head;
    const explained =
      `Each bar is query × key × ${scale.toFixed(3)} in one of ${d} dimensions: up adds to the score, down takes ` +
      "away. The softmax of a row's scores gives its weights.";
    this.el.replaceChildren(
      make(
        "p",
        { className: "lcx-sum" },
        make("span", {}, `${query} (${i}) → ${key} (${j})`),
        make("span", {}, scoreText(matrix, product.total, i, j)),
        make("strong", {}, `weight ${weight}`),
      ),
      make("p", { className: "lcx-quiet" }, explained),
      barsOf(product, view.bySize ? product.bySize : range(d)),
      tableOf(product),
    );
  }
}

/**
 * @typedef {object} Product
 * @property {Float32Array} query
 * @property {Float32Array} key
 * @property {number} scale
 * @property {number[]} products query × key × scale, for each dimension
 * @property {number} total
 * @property {number[]} bySize dimensions, the largest product first
 */

/** @param {Matrix} matrix @returns {Product} */
function productOf({ head }, i, j) {
  const { d, scale } = head;
  const query = head.query.subarray(i * d, (i + 1) * d);
  const key = head.key.subarray(j * d, (j + 1) * d);
  const products = Array.from(query, (x, n) => x * key[n] * scale);
  const total = products.reduce((x, y) => x + y, 0);
  const bySize = range(d).sort((x, y) => Math.abs(products[y]) - Math.abs(products[x]));
  return { query, key, scale, products, total, bySize };
}

/** The score, what position adds to it, or that it is masked. @param {Matrix} matrix */
function scoreText({ head, rows, columns }, total, i, j) {
  if (head.bias === BIAS.causal && j > i + columns - rows) return "masked: a later token, weight 0";
  const bias = head.shift ? head.shift[j - i + rows - 1] : 0;
  if (bias < -3e4) return "masked, weight 0";
  return `score ${signedFixed(total)}${bias ? `, position ${signedFixed(bias)}` : ""}`;
}

/** A bar for each dimension. @param {Product} product @param {number[]} order */
function barsOf({ query, key, scale, products, total }, order) {
  const most = Math.max(...products.map(Math.abs), 1e-9);
  const wide = WIDTH / order.length;
  const bars = order.map((n, at) => {
    const tall = (Math.abs(products[n]) / most) * (HEIGHT / 2 - 4);
    const up = products[n] >= 0;
    const factors = `${query[n].toFixed(2)} × ${key[n].toFixed(2)} × ${scale.toFixed(3)}`;
    const bar = {
      x: at * wide + wide * 0.12,
      width: wide * 0.76,
      y: up ? HEIGHT / 2 - tall : HEIGHT / 2,
      height: Math.max(tall, 0.5),
      class: up ? "lcx-plus" : "lcx-minus",
    };
    return makeSvg("rect", bar, makeSvg("title", {}, `dimension ${n}: ${factors} = ${signedFixed(products[n])}`));
  });
  const every = order.length <= 40 ? 1 : 4;
  const names = order.flatMap((n, at) =>
    at % every ? [] : [makeSvg("text", { x: (at + 0.5) * wide, y: HEIGHT + 12, "text-anchor": "middle" }, String(n))],
  );
  const label = `Products of query and key, dimension by dimension; they sum to ${total.toFixed(2)}`;
  const attributes = { viewBox: `0 0 ${WIDTH} ${HEIGHT + 18}`, role: "img", "aria-label": label };
  const zero = makeSvg("line", { x1: 0, x2: WIDTH, y1: HEIGHT / 2, y2: HEIGHT / 2 });
  return makeSvg("svg", attributes, zero, ...bars, ...names);
}

/** @param {Product} product */
function tableOf({ query, key, products, bySize }) {
  const titles = ["dimension", "query", "key", "product"].map((name) => make("th", { scope: "col" }, name));
  const rows = bySize.slice(0, LISTED_DIMENSIONS).map((n) => {
    const numbers = [query[n], key[n], products[n]].map((x) => make("td", {}, signedFixed(x)));
    return make("tr", {}, make("th", { scope: "row" }, String(n)), numbers);
  });
  return make("table", {}, make("caption", {}, "The largest products"), make("tr", {}, titles), rows);
}
