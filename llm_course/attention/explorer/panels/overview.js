/** All heads at a glance: a picture each, in rows of a layer or sorted by a measure. */

import { make, rove } from "../dom.js";
import { clamp, range } from "../numbers.js";
import { Panel } from "./panel.js";

const HEAD_MOVES = { ArrowRight: 1, ArrowLeft: -1, Home: -1e9, End: 1e9 };

/** The thumbnails and measures of what was shown before: sorting does not unpack them again. */
const unpacked = new WeakMap();

export class OverviewPanel extends Panel {
  constructor(explorer) {
    super(explorer);
    this.data = explorer.data;
    this.count = this.data.layers * this.data.heads;
    /** Each head's canvas. @type {Map<number, HTMLCanvasElement>} */
    this.canvases = new Map();
    /** A byte for each pixel of each head. @type {Uint8Array | null} */
    this.shades = null;
    /** The measure of each head; null where there is none to show. @type {Float32Array | null} */
    this.values = null;
    this.most = 1e-9;
  }

  /** @param {HTMLElement} main */
  async show(main) {
    const { data, explorer, count } = this;
    const { source, view } = explorer;
    if (!unpacked.has(data)) {
      unpacked.set(data, Promise.all(["thumbnails", "measures"].map((name) => source.block(`${data.id}.${name}`))));
    }
    const [shades, raw] = await unpacked.get(data);
    if (explorer.panel !== this || !shades) return;
    this.shades = shades;
    const base = data.measures.indexOf(view.measure) * count;
    this.values = base < 0 ? null : new Float32Array(raw.buffer, raw.byteOffset + 4 * base, count);
    this.most = Math.max(
      ...range(count)
        .map((n) => this.value(n))
        .filter(Number.isFinite),
      1e-9,
    );
    const grid = this.grid();
    main.append(grid);
    this.recolor();
    explorer.el.dataset.painted = "true";
    performance.mark("lcx-painted");
  }

  /** A head that sees nothing of what is measured has no number: NaN. */
  value(n) {
    return this.values ? this.values[n] : Number.NaN;
  }

  /** Heads as they are sorted; those without a number come last. */
  order() {
    const { sort } = this.explorer.view;
    const all = range(this.count);
    if (sort === "layer" || !this.values) return all;
    const has = all.filter((n) => Number.isFinite(this.value(n)));
    const sign = sort === "up" ? 1 : -1;
    has.sort((a, b) => sign * (this.value(a) - this.value(b)));
    return [...has, ...all.filter((n) => !Number.isFinite(this.value(n)))];
  }

  grid() {
    const { data, count, values } = this;
    const { view } = this.explorer;
    const { heads, layers } = data;
    const order = this.order();
    const rows = range(layers).map((r) => {
      const [from, to] = [r * heads, (r + 1) * heads];
      const name = view.sort === "layer" ? `layer ${r}` : `${from + 1}–${to}`;
      const label = make("span", { role: "rowheader", className: "lcx-quiet" }, name);
      return make(
        "div",
        { role: "row", className: "lcx-row" },
        label,
        order.slice(from, to).map((n) => this.cell(n)),
      );
    });
    const grid = make(
      "div",
      {
        className: "lcx-grid",
        role: "grid",
        "aria-label": values ? `All heads, ${view.measure} below each` : "All heads",
        style: `--edge:${heads <= 4 ? 132 : heads <= 8 ? 96 : 64}px`,
        onkeydown: (event) => {
          const cells = [...grid.querySelectorAll("button")];
          const i = cells.indexOf(/** @type {HTMLButtonElement} */ (document.activeElement));
          const by = { ...HEAD_MOVES, ArrowDown: heads, ArrowUp: -heads }[event.key];
          if (i < 0 || !by || event.altKey) return;
          event.preventDefault();
          const next = cells[Math.abs(by) > count ? clamp(i + by, 0, count - 1) : i + by];
          if (!next) return;
          rove(grid, next);
          next.focus();
        },
      },
      rows,
    );
    const first = /** @type {HTMLElement} */ (grid.querySelector(`[data-n="${view.layer * heads + view.head}"]`));
    (first ?? grid.querySelector("button")).tabIndex = 0;
    return grid;
  }

  cell(n) {
    const { data, explorer, most, values } = this;
    const { measure } = explorer.view;
    const [layer, head] = [Math.floor(n / data.heads), n % data.heads];
    const [height, width] = data.thumb;
    const canvas = make("canvas", { width, height, "aria-hidden": "true" });
    this.canvases.set(n, canvas);
    const value = this.value(n);
    const number = Number.isFinite(value) ? value.toFixed(2) : values ? "–" : "";
    const bar = Number.isFinite(value) ? (100 * Math.max(0, value)) / most : 0;
    const button = {
      type: "button",
      tabIndex: -1,
      "data-n": n,
      className: "lcx-thumb",
      onclick: () => {
        explorer.change({ tab: "map", source: "head", layer, head }, explorer.view.source !== "head");
        explorer.boards[0].el.focus({ preventScroll: true });
      },
    };
    const measured = make(
      "span",
      { className: "lcx-measure", "aria-hidden": "true" },
      make("i", { style: `width:${bar}%` }),
    );
    // Its name is what is seen, with the words that have no room: who speaks to the page says what stands there.
    const unseen = (words) => make("span", { className: "lcx-unseen" }, words);
    const name = make("span", {}, unseen("Layer "), `${layer} · `, unseen("head "), `${head}`);
    const shown = make("span", { className: "lcx-quiet" }, values && unseen(` ${measure} `), number);
    return make("div", { role: "gridcell" }, make("button", button, canvas, measured, name, shown));
  }

  recolor() {
    const { data, shades } = this;
    const [height, width] = data.thumb;
    const { weight } = this.explorer.colors.ramps;
    const image = new ImageData(width, height);
    const pixels = new Uint32Array(image.data.buffer);
    for (const [n, canvas] of this.canvases) {
      for (let k = 0, at = n * pixels.length; k < pixels.length; k++, at++) {
        pixels[k] = weight[Math.round((255 * shades[at]) / (data.levels - 1))];
      }
      canvas.getContext("2d").putImageData(image, 0, 0);
    }
  }
}
