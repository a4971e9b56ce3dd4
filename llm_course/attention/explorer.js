/**
 * The attention explorer: every head of a model on a text, in a notebook (anywidget) or in a page of its own.
 *
 * Knows nothing about models. It loads nothing: data comes from the page's own script blocks or, live, from the
 * kernel in messages. Tokens are only ever set as text. payload.py describes the bytes that are decoded here.
 */

// ---- Small helpers --------------------------------------------------------------------------------------------------

/** Make an element; children are elements or text, never HTML. Properties that start with "on" are listeners. */
function h(tag, props = {}, ...children) {
  const el = document.createElement(tag);
  for (const [name, value] of Object.entries(props)) {
    if (value === null || value === undefined || value === false) continue;
    if (name.startsWith("on")) el.addEventListener(name.slice(2), value);
    else if (name in el && !name.includes("-") && name !== "list") el[name] = value;
    else el.setAttribute(name, value === true ? "" : value);
  }
  el.append(...children.flat(Infinity).filter((child) => child !== null && child !== undefined && child !== false));
  return el;
}

function svg(tag, props = {}, ...children) {
  const el = document.createElementNS("http://www.w3.org/2000/svg", tag);
  for (const [name, value] of Object.entries(props)) el.setAttribute(name, value);
  el.append(...children);
  return el;
}

const clamp = (x, low, high) => Math.min(Math.max(x, low), high);
const range = (n) => Array.from({ length: n }, (_, i) => i);
const pause = () => new Promise((done) => setTimeout(done));
const SHORT = 18;

/** A token as readers see it: blanks and control characters as symbols, so that nothing hides or turns text around. */
function shown(token) {
  if (token === "") return "∅";
  return token.replace(/[\u0000-\u001f\u007f-\u009f\u00ad\u061c\u200b-\u200f\u2028-\u202f\u2060-\u206f\ufeff\ufff9-\ufffb ]/g,
    (c) => {
      const code = c.codePointAt(0);
      if (c === " ") return "␣";
      if (c === "\n") return "⏎";
      return `‹${code.toString(16).toUpperCase().padStart(2, "0")}›`;
    });
}

const brief = (token) => { const all = [...shown(token)]; return all.length > SHORT ? all.slice(0, SHORT - 1).join("") + "…" : all.join(""); };
const said = (token) => `“\u2068${brief(token)}\u2069”`; // isolated, so that right-to-left letters stay inside
const percent = (w) => (w >= 0.0995 ? w.toFixed(2) : w >= 0.00095 ? w.toFixed(3) : w > 0 ? "<0.001" : "0");

// ---- Decoding -------------------------------------------------------------------------------------------------------

function fromBase64(text) {
  if (Uint8Array.fromBase64) return Uint8Array.fromBase64(text);
  const raw = atob(text);
  const bytes = new Uint8Array(raw.length);
  for (let i = 0; i < raw.length; i++) bytes[i] = raw.charCodeAt(i);
  return bytes;
}

async function inflate(bytes) {
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("deflate"));
  return new Uint8Array(await new Response(stream).arrayBuffer());
}

const CONTENT = { queriesAndKeys: 1, weights: 2 };
const BIAS = { none: 0, causal: 1, shift: 2, weights: 3 };

/** Decode one head; `before` is the last head of the layer that carried keys. See encode_head in payload.py. */
function decodeHead(bytes, rows, columns, before = null) {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const [content, bits, bias, flags] = bytes;
  const d = view.getUint32(4, true);
  let at = 16;
  const floats = (n) => { const out = new Float32Array(n); for (let i = 0; i < n; i++, at += 4) out[i] = view.getFloat32(at, true); return out; };
  const take = (n) => bytes.subarray(at, (at += n));
  const head = { d, bias, scale: view.getFloat32(8, true), query: null, key: null, shift: null, weights: null, bytes: bytes.length };
  if (content & CONTENT.queriesAndKeys) {
    const own = !(flags & 1);
    const steps = [floats(d), own ? floats(d) : null];
    if (bias === BIAS.shift) head.shift = floats(rows + columns - 1);
    const low = [take(rows * d), own ? take(columns * d) : null];
    const high = bits > 8 ? [take(rows * d), own ? take(columns * d) : null] : [null, null];
    const whole = (which, n) => {
      const out = new Float32Array(n * d), [step, lo, hi, zero] = [steps[which], low[which], high[which], 2 ** (bits - 1)];
      for (let i = 0, k = 0; i < n; i++) {
        for (let j = 0; j < d; j++, k++) out[k] = ((hi ? hi[k] * 256 + lo[k] : lo[k]) - zero) * step[j];
      }
      return out;
    };
    head.query = whole(0, rows);
    head.key = own ? whole(1, columns) : before.key;
  }
  if (content & CONTENT.weights) head.weights = take(rows * columns);
  return head;
}

const ROOT = Float32Array.from(range(256), (v) => (v / 255) ** 2);

/** Attention weights, row by row on demand: long texts have more of them than a browser should hold. */
class Matrix {
  constructor(rows, columns, head) {
    Object.assign(this, { rows, columns, head, kept: new Map(), pooled: new Map() });
    this.limit = Math.max(64, Math.floor(6e6 / columns)); // rows kept: at most 24 MB
    if (head?.query && !head.weights) {
      this.turned = new Float32Array(head.d * columns); // keys by dimension: the inner loop runs along memory
      for (let j = 0; j < columns; j++) for (let k = 0; k < head.d; k++) this.turned[k * columns + j] = head.key[j * head.d + k];
    }
  }

  /** Weights of one query, Float32Array(columns). */
  row(i) {
    let found = this.kept.get(i);
    if (found) return found;
    if (this.kept.size >= this.limit) this.kept.delete(this.kept.keys().next().value);
    this.kept.set(i, (found = this.make(i)));
    return found;
  }

  make(i) {
    const { head, columns: n } = this;
    const out = new Float32Array(n);
    if (head.weights) {
      for (let j = 0, at = i * n; j < n; j++, at++) out[j] = ROOT[head.weights[at]];
      return out;
    }
    const end = head.bias === BIAS.causal ? Math.min(n, i + 1 + n - this.rows) : n;
    for (let k = 0; k < head.d; k++) {
      const q = head.query[i * head.d + k] * head.scale;
      for (let j = 0, at = k * n; j < end; j++, at++) out[j] += q * this.turned[at];
    }
    if (head.shift) for (let j = 0, at = this.rows - 1 - i; j < end; j++, at++) out[j] += head.shift[at];
    let peak = -Infinity, sum = 0;
    for (let j = 0; j < end; j++) if (out[j] > peak) peak = out[j];
    for (let j = 0; j < end; j++) sum += out[j] = Math.exp(out[j] - peak);
    for (let j = 0; j < end; j++) out[j] /= sum;
    return out;
  }

  /** Largest weights of blocks of `step` x `step`, and the largest of all; made in slices, so that the page stays alive. */
  pool(step, { rowsAt, colsAt, key: shownTokens }, done) {
    const key = `${step} ${shownTokens}`;
    if (this.pooled.has(key)) return this.pooled.get(key);
    const wide = Math.ceil(colsAt.length / step), high = Math.ceil(rowsAt.length / step);
    const pooled = { step, wide, high, data: new Float32Array(wide * high), peak: 1e-9, ready: false };
    this.pooled.set(key, pooled);
    let i = 0;
    const slice = () => {
      const until = performance.now() + 30;
      for (; i < rowsAt.length; i++) {
        const row = this.row(rowsAt[i]), base = Math.floor(i / step) * wide;
        for (let j = 0; j < colsAt.length; j++) {
          const w = row[colsAt[j]], at = base + (step === 1 ? j : Math.floor(j / step));
          if (Math.abs(w) > Math.abs(pooled.data[at])) { pooled.data[at] = w; pooled.peak = Math.max(pooled.peak, Math.abs(w)); }
        }
        if (performance.now() > until) { i++; done(); setTimeout(slice); return; }
      }
      pooled.ready = true;
      done();
    };
    slice();
    return pooled;
  }

  /** The strongest columns of a row among those shown. */
  strongest(i, colsAt, count = 3) {
    const row = this.row(i);
    return [...colsAt].sort((a, b) => row[b] - row[a]).slice(0, count).map((j) => [j, row[j]]);
  }
}

/** A matrix given as its rows: averages and differences. */
class Given extends Matrix {
  constructor(rows, columns, make) { super(rows, columns, null); this.make = make; }
}

// ---- Where heads come from ------------------------------------------------------------------------------------------

/** Heads of a saved page: a layer is unpacked when one of its heads is asked for. */
class PageSource {
  constructor(root) { Object.assign(this, { root, layers: new Map() }); }

  /** A block of the page; it may still be on its way, and is complete when something follows it. */
  async block(name) {
    for (;;) {
      const el = this.root.querySelector(`script[data-block="${name}"]`);
      if (el && (el.nextElementSibling || document.readyState !== "loading")) return inflate(fromBase64(el.textContent.trim()));
      if (document.readyState !== "loading") return null;
      await new Promise((done) => setTimeout(done, 30));
    }
  }

  async head(data, layer, head) {
    const name = `${data.id}.layer.${layer}`;
    if (!this.layers.has(name)) {
      if (this.layers.size > 2) this.layers.delete(this.layers.keys().next().value);
      this.layers.set(name, this.block(name));
    }
    const bytes = await this.layers.get(name);
    if (!bytes) return null;
    const sizes = new DataView(bytes.buffer, bytes.byteOffset);
    const decode = (part, keys) => decodeHead(part, data.rows.length, data.columns.length, keys);
    for (let i = 0, at = 0, before = null; at < bytes.length; i++) {
      const length = sizes.getUint32(at, true), part = bytes.subarray(at + 4, at + 4 + length);
      if (i === head) return length ? decode(part, part[3] & 1 ? decode(before, null) : null) : null;
      if (length && !(part[3] & 1)) before = part; // the heads after it may share its keys
      at += 4 + length;
    }
    return null;
  }

  async mean(data, set, progress) {
    const [rows, columns] = [data.rows.length, data.columns.length];
    const sum = range(rows).map(() => new Float32Array(columns));
    for (const [n, [layer, head]] of set.entries()) {
      const one = await this.head(data, layer, head);
      if (!one) return null;
      const matrix = new Matrix(rows, columns, one);
      for (let i = 0; i < rows; i++) {
        const row = matrix.make(i);
        for (let j = 0; j < columns; j++) sum[i][j] += row[j] / set.length;
      }
      progress((n + 1) / set.length);
      await pause();
    }
    return new Given(rows, columns, (i) => sum[i]);
  }

  async rollout(data) {
    const bytes = await this.block(`${data.id}.rollout`);
    return bytes && new Matrix(data.rows.length, data.columns.length, decodeHead(bytes, data.rows.length, data.columns.length));
  }
}

/** Heads of a live notebook: asked of the kernel by message, answered with bytes. */
class LiveSource {
  constructor(model, signal) {
    Object.assign(this, { model, waiting: new Map(), next: 1 });
    const receive = (message, buffers) => {
      const wait = this.waiting.get(message?.id);
      if (!wait) return;
      this.waiting.delete(message.id);
      const bytes = buffers?.[0];
      wait(message.problem || !bytes ? null : new Uint8Array(bytes.buffer ?? bytes, bytes.byteOffset ?? 0, bytes.byteLength));
    };
    model.on("msg:custom", receive);
    signal.addEventListener("abort", () => { model.off("msg:custom", receive); this.waiting.clear(); });
  }

  ask(message) {
    const id = `${this.next++}-${Math.random()}`;
    return new Promise((done) => { this.waiting.set(id, done); this.model.send({ ...message, id }); });
  }

  async block(name) {
    const bytes = this.model.get("blocks")?.[name];
    return bytes ? inflate(new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.byteLength)) : null;
  }

  async head(data, layer, head) {
    const bytes = await this.ask({ type: "head", data: data.id, layer, head });
    return bytes && decodeHead(bytes, data.rows.length, data.columns.length);
  }

  async whole(data, message) {
    const bytes = await this.ask({ ...message, data: data.id });
    return bytes && new Matrix(data.rows.length, data.columns.length, decodeHead(bytes, data.rows.length, data.columns.length));
  }

  mean(data, set) { return this.whole(data, { type: "mean", heads: set }); }
  rollout(data) { return this.whole(data, { type: "rollout" }); }
}

// ---- Colors ---------------------------------------------------------------------------------------------------------

const hex = (color) => [1, 3, 5].map((at) => parseInt(color.slice(at, at + 2), 16));
/** 256 colors between stops, as RGBA numbers for image data. */
function ramp(...stops) {
  const known = stops.map(hex);
  return Uint32Array.from(range(256), (v) => {
    const x = (v / 255) * (known.length - 1), at = Math.min(Math.floor(x), known.length - 2);
    const [r, g, b] = known[at].map((c, k) => Math.round(c + (known[at + 1][k] - c) * (x - at)));
    return (255 << 24) | (b << 16) | (g << 8) | r;
  });
}
const css = (color) => `rgb(${color & 255},${(color >> 8) & 255},${(color >> 16) & 255})`;

// One hue from light to dark (dark theme: dark to light), so that it reads in grey and for color-blind eyes too;
// differences run from orange to blue, and their sign is written wherever there is room.
const RAMPS = {
  light: { weight: ramp("#f6f8fb", "#c9dbef", "#86b0dc", "#3b78b8", "#123f7a", "#061f45"), difference: ramp("#a3470a", "#e39a5b", "#f7f7f7", "#78add8", "#134f8d") },
  dark: { weight: ramp("#171c24", "#1b3856", "#25639b", "#4f9ad6", "#a9d3f5", "#f4faff"), difference: ramp("#ffb066", "#9a5a20", "#20242b", "#2e6ca8", "#8fcaff") },
};

// ---- The board: a canvas as large as its frame, that draws what is scrolled into view -------------------------------

class Board {
  /**
   * @param {object} part what is drawn: size(width) -> [width, height] of the whole; draw(ctx, box, width, height);
   *   hit(x, y) -> {row, col} or null; move(key, point) -> the next point or null; place(point) -> [x, y, width, height].
   */
  constructor(explorer, part, label) {
    Object.assign(this, { explorer, part });
    this.canvas = h("canvas", { className: "lcx-canvas" });
    this.spacer = h("div", { className: "lcx-spacer" }, this.canvas);
    this.el = h("div", {
      className: "lcx-board", tabIndex: 0, role: "application", "aria-label": label, "aria-roledescription": "attention picture",
      onscroll: () => this.paint(),
      onpointermove: (event) => explorer.point(this.at(event), this),
      onpointerleave: () => explorer.point(null, this),
      onclick: (event) => { const at = this.at(event); if (at) explorer.pin(at); },
      onkeydown: (event) => this.key(event),
      onwheel: (event) => {
        if (!event.ctrlKey && !event.metaKey) return;
        event.preventDefault();
        explorer.zoom(event.deltaY < 0 ? 1 : -1);
      },
    }, this.spacer);
    new ResizeObserver(() => this.layout()).observe(this.el);
  }

  at(event) {
    const box = this.el.getBoundingClientRect();
    return this.part.hit(event.clientX - box.left, event.clientY - box.top, this.el.scrollLeft, this.el.scrollTop);
  }

  key(event) {
    const { explorer } = this;
    const point = explorer.pointed ?? { row: explorer.view.row, col: explorer.view.col };
    if (event.key === "Enter" || event.key === " ") { explorer.pin(point); event.preventDefault(); return; }
    const next = this.part.move(event.key, point, event.ctrlKey || event.metaKey);
    if (!next) return;
    event.preventDefault();
    this.reveal(next);
    explorer.point(next, this, true);
  }

  /** Scroll a token or a pair into view; no further than needed, unless it is to stand in the middle. */
  reveal(point, middle = false) {
    const { el } = this, [x, y, w, hh, left, top] = this.part.place(point);
    if (middle && y > el.clientHeight) el.scrollTop = y - el.clientHeight / 2;
    el.scrollLeft = clamp(el.scrollLeft, x + w - el.clientWidth, Math.max(0, x - left));
    el.scrollTop = clamp(el.scrollTop, y + hh - el.clientHeight, Math.max(0, y - top));
  }

  layout() {
    const width = this.el.clientWidth;
    if (!width) return;
    const [w, hh] = this.part.size(width);
    this.sized = true;
    Object.assign(this.spacer.style, { width: `${w}px`, height: `${hh}px` });
    this.el.style.height = `${Math.min(hh + (w > width ? 16 : 2), this.explorer.tall)}px`;
    this.paint();
  }

  paint() {
    if (this.waiting) return;
    this.waiting = requestAnimationFrame(() => {
      this.waiting = null;
      const { clientWidth: w, clientHeight: hh, scrollLeft: x, scrollTop: y } = this.el;
      if (!w || !hh || !this.sized) return;
      const ratio = window.devicePixelRatio || 1, { canvas } = this;
      if (canvas.width !== Math.round(w * ratio) || canvas.height !== Math.round(hh * ratio)) {
        Object.assign(canvas, { width: Math.round(w * ratio), height: Math.round(hh * ratio) });
        Object.assign(canvas.style, { width: `${w}px`, height: `${hh}px` });
      }
      this.drawn(canvas, w, hh, x, y, ratio);
    });
  }

  drawn(canvas, w, hh, x, y, ratio) {
    const ctx = canvas.getContext("2d");
    ctx.setTransform(ratio, 0, 0, ratio, 0, 0);
    ctx.fillStyle = this.explorer.colors.back;
    ctx.fillRect(0, 0, w, hh);
    this.part.draw(ctx, { x, y, w, h: hh });
    this.explorer.legend();
  }

  /** The whole picture, also what is not scrolled into view, as a canvas of its own. */
  whole(ratio = 2) {
    const [w, hh] = this.part.size(this.el.clientWidth).map((n) => Math.min(n, 16000 / ratio));
    const canvas = h("canvas", { width: w * ratio, height: hh * ratio });
    this.drawn(canvas, w, hh, 0, 0, ratio);
    return canvas;
  }
}

const FONT = (size, bold = false) => `${bold ? "600 " : ""}${size}px system-ui, "Segoe UI", "DejaVu Sans", sans-serif`;
const CELLS = [1 / 16, 1 / 12, 1 / 8, 1 / 6, 1 / 5, 1 / 4, 1 / 3, 1 / 2, 1, 2, 3, 4, 5, 6, 8, 10, 12, 14, 16, 18, 20, 22, 24, 26, 28, 32, 36, 40, 48];

/** The heat map: a row for each token that looks, a column for each that is looked at. */
class HeatMap {
  constructor(explorer, get) { Object.assign(this, { explorer, get }); }

  /** What is drawn now: {matrix, data, shown, difference, peak}. */
  size(width) {
    const { data, shown: { rowsAt, colsAt } } = this.get();
    const ctx = (this.ruler ??= h("canvas").getContext("2d"));
    ctx.font = FONT(12);
    const widest = (tokens, at) => at.reduce((most, i) => Math.max(most, ctx.measureText(brief(tokens[i])).width), 20);
    const [rowWidth, colWidth] = [widest(data.rows, rowsAt), widest(data.columns, colsAt)];
    const room = Math.min((width - rowWidth - 60) / colsAt.length, (this.explorer.tall - 60) / rowsAt.length);
    const fit = CELLS.findLastIndex((c) => c <= clamp(room, CELLS[0], 28));
    this.cell = CELLS[clamp(fit + this.explorer.view.zoom, 0, CELLS.length - 1)];
    this.named = this.cell >= 10; // below, numbers at round places name the tokens
    this.font = Math.min(12, this.cell);
    this.left = this.named ? Math.ceil((rowWidth * this.font) / 12) + 14 : 44;
    this.turned = this.cell < 14 ? Math.PI / 2 : Math.PI / 4; // names of columns stand upright where they are close
    this.top = this.named ? Math.ceil((colWidth * Math.sin(this.turned) * this.font) / 12) + 16 : 24;
    const slant = this.named && this.cell >= 14 ? this.top : 16;
    return [this.left + colsAt.length * this.cell + slant, this.top + rowsAt.length * this.cell + 4];
  }

  hit(x, y, sx, sy) {
    const { shown: { rowsAt, colsAt } } = this.get();
    const j = Math.floor((x + sx - this.left) / this.cell), i = Math.floor((y + sy - this.top) / this.cell);
    const row = y > this.top && i < rowsAt.length ? rowsAt[i] : null, col = x > this.left && j < colsAt.length ? colsAt[j] : null;
    return row === null || (x > this.left && col === null) ? null : { row, col };
  }

  move(key, { row, col }, far) {
    const { shown: { rowsAt, colsAt } } = this.get();
    const [i, j] = [rowsAt.indexOf(row), colsAt.indexOf(col)], step = far ? 10 : 1;
    const by = { ArrowUp: [-step, 0], ArrowDown: [step, 0], ArrowLeft: [0, -step], ArrowRight: [0, step], PageUp: [-10, 0], PageDown: [10, 0], Home: [0, -1e9], End: [0, 1e9] }[key];
    if (!by) return null;
    const go = (at, from, way) => at[from < 0 ? 0 : clamp(from + way, 0, at.length - 1)];
    return { row: go(rowsAt, i, by[0]), col: go(colsAt, j, by[1]) };
  }

  place({ row, col }) {
    const { shown: { rowsAt, colsAt } } = this.get();
    const [i, j] = [rowsAt.indexOf(row), colsAt.indexOf(col)];
    return [this.left + j * this.cell, this.top + i * this.cell, this.cell, this.cell, this.left, this.top];
  }

  draw(ctx, { x, y, w, h: high }) {
    const { matrix, data, shown: filter, difference, peak: given } = this.get();
    const { rowsAt, colsAt } = filter, { cell, left, top } = this, { colors } = this.explorer;
    const [i0, j0] = [Math.floor(y / cell), Math.floor(x / cell)];
    const [i1, j1] = [Math.min(rowsAt.length, Math.ceil((y + high - top) / cell)), Math.min(colsAt.length, Math.ceil((x + w - left) / cell))];
    ctx.fillStyle = colors.soft;
    if (!matrix || i1 <= i0 || j1 <= j0) { ctx.fillRect(left, top, colsAt.length * cell, rowsAt.length * cell); return; }
    // Short texts are pooled by 1, which costs one pass; of long ones only what is visible is looked at.
    const step = cell < 1 ? Math.round(1 / cell) : 1;
    const direct = step === 1 && rowsAt.length * colsAt.length > 4e6;
    const coarse = direct ? Math.ceil(Math.max(rowsAt.length, colsAt.length) / 1024) : step;
    const pooled = matrix.pool(coarse, filter, () => this.explorer.repaint());
    const peak = Math.min(given?.() ?? pooled.peak, this.explorer.view.shade);
    this.peak = peak;
    const [a0, b0, a1, b1] = direct ? [i0, j0, i1, j1] : [Math.floor(i0 / step), Math.floor(j0 / step), Math.ceil(i1 / step), Math.ceil(j1 / step)];
    const image = new ImageData(b1 - b0, a1 - a0), pixels = new Uint32Array(image.data.buffer);
    const { weight, difference: both } = colors.ramps;
    for (let a = a0, at = 0; a < a1; a++) {
      const row = direct ? matrix.row(rowsAt[a]) : null;
      for (let b = b0; b < b1; b++, at++) {
        const v = row ? row[colsAt[b]] : pooled.data[a * pooled.wide + b];
        pixels[at] = difference ? both[Math.round(127.5 + 127.5 * Math.sign(v) * Math.sqrt(Math.min(Math.abs(v) / peak, 1)))] : weight[Math.min(255, Math.round(255 * Math.sqrt(v / peak)))];
      }
    }
    const off = (this.off ??= h("canvas"));
    Object.assign(off, { width: image.width, height: image.height }).getContext("2d").putImageData(image, 0, 0);
    const size = cell * step, [px, py] = [left + b0 * size - x, top + a0 * size - y];
    ctx.save();
    ctx.beginPath();
    ctx.rect(left, top, w - left, high - top);
    ctx.clip();
    ctx.imageSmoothingEnabled = false;
    ctx.drawImage(off, px, py, image.width * size, image.height * size);
    if (cell >= 10) this.grid(ctx, i0, i1, j0, j1, x, y);
    if (cell >= 26) this.numbers(ctx, matrix, filter, [i0, i1, j0, j1], x, y, peak, difference);
    ctx.strokeStyle = colors.line;
    ctx.strokeRect(left - x - 0.5, top - y - 0.5, colsAt.length * cell + 1, rowsAt.length * cell + 1);
    this.marks(ctx, x, y, rowsAt, colsAt);
    ctx.restore();
    this.labels(ctx, data, filter, [i0, i1, j0, j1], x, y, w, high);
  }

  grid(ctx, i0, i1, j0, j1, x, y) {
    ctx.strokeStyle = this.explorer.colors.back;
    ctx.beginPath();
    for (let i = i0; i <= i1; i++) { const at = Math.round(this.top + i * this.cell - y) + 0.5; ctx.moveTo(this.left, at); ctx.lineTo(this.left + j1 * this.cell - x, at); }
    for (let j = j0; j <= j1; j++) { const at = Math.round(this.left + j * this.cell - x) + 0.5; ctx.moveTo(at, this.top); ctx.lineTo(at, this.top + i1 * this.cell - y); }
    ctx.stroke();
  }

  numbers(ctx, matrix, { rowsAt, colsAt }, [i0, i1, j0, j1], x, y, peak, difference) {
    const { colors } = this.explorer;
    ctx.font = FONT(10);
    ctx.textAlign = "center";
    ctx.textBaseline = "middle";
    for (let i = i0; i < i1; i++) {
      const row = matrix.row(rowsAt[i]);
      for (let j = j0; j < j1; j++) {
        const v = row[colsAt[j]];
        if (Math.abs(v) < 0.005) continue;
        ctx.fillStyle = Math.sqrt(Math.abs(v) / peak) > 0.55 ? colors.onStrong : colors.onWeak;
        const text = v > 0.995 ? "1.0" : Math.abs(v).toFixed(2).slice(1);
        ctx.fillText((difference ? (v < 0 ? "−" : "+") : "") + text, this.left + (j + 0.5) * this.cell - x, this.top + (i + 0.5) * this.cell - y);
      }
    }
  }

  /** Frames around the pinned row and column and the pair under the pointer. */
  marks(ctx, x, y, rowsAt, colsAt) {
    const { view, pointed, colors } = this.explorer, { cell, left, top } = this;
    const frame = (row, col, color, thick) => {
      const [i, j] = [rowsAt.indexOf(row), colsAt.indexOf(col)];
      const [wide, tall] = [Math.max(cell, 3), Math.max(cell, 3)];
      ctx.strokeStyle = color;
      ctx.lineWidth = thick;
      if (i >= 0 && j >= 0) ctx.strokeRect(left + j * cell - x, top + i * cell - y, wide, tall);
      else if (i >= 0) ctx.strokeRect(left - x, top + i * cell - y, colsAt.length * cell, tall);
      else if (j >= 0) ctx.strokeRect(left + j * cell - x, top - y, wide, rowsAt.length * cell);
      ctx.lineWidth = 1;
    };
    if (view.row !== null) frame(view.row, null, colors.accent, 2);
    if (view.col !== null) frame(null, view.col, colors.accent, 2);
    if (pointed) frame(pointed.row, pointed.col, colors.front, 2);
  }

  labels(ctx, data, { rowsAt, colsAt }, [i0, i1, j0, j1], x, y, w, high) {
    const { colors, view, pointed } = this.explorer, { cell, left, top } = this;
    const step = this.named ? 1 : [1, 2, 5, 10, 20, 50, 100, 200, 500, 1000].find((s) => s * cell >= 36) ?? 2000;
    const ink = (i, axis) => {
      const active = pointed?.[axis] === i, pinned = view[axis] === i;
      ctx.font = FONT(this.font < 10 ? 11 : this.font, active || pinned);
      ctx.fillStyle = pinned ? colors.accent : active ? colors.front : colors.quiet;
    };
    ctx.textBaseline = "middle";
    ctx.save();
    ctx.beginPath();
    ctx.rect(0, top - 6, left, high);
    ctx.clip();
    ctx.textAlign = "right";
    for (let i = Math.ceil(i0 / step) * step; i < i1; i += step) {
      ink(rowsAt[i], "row");
      ctx.fillText(this.named ? brief(data.rows[rowsAt[i]]) : String(rowsAt[i]), left - 7, top + (i + 0.5) * cell - y);
    }
    ctx.restore();
    ctx.save();
    ctx.beginPath();
    ctx.rect(left - 8, 0, w, top);
    ctx.clip();
    for (let j = Math.ceil(j0 / step) * step; j < j1; j += step) {
      ink(colsAt[j], "col");
      ctx.textAlign = this.named ? "left" : "center";
      ctx.save();
      ctx.translate(left + (j + 0.5) * cell - x, top - (this.named ? 8 : 11));
      if (this.named) ctx.rotate(-this.turned);
      ctx.fillText(this.named ? brief(data.columns[colsAt[j]]) : String(colsAt[j]), 0, 0);
      ctx.restore();
    }
    ctx.restore();
  }
}

/** The line view: tokens that look on the left, tokens that are looked at on the right, a line for each weight. */
class Lines {
  constructor(explorer, get) { Object.assign(this, { explorer, get }); }

  size(width) {
    const { shown: { rowsAt, colsAt } } = this.get();
    this.step = clamp(20 + 2 * this.explorer.view.zoom, 10, 40);
    const wide = Math.min(width, 820);
    [this.a, this.b] = [Math.round(wide * 0.26), Math.round(wide * 0.64)];
    return [wide, Math.max(rowsAt.length, colsAt.length) * this.step + 16];
  }

  hit(x, y, sx, sy) {
    const { shown: { rowsAt, colsAt } } = this.get();
    const i = Math.floor((y + sy - 8) / this.step);
    if (i < 0) return null;
    if (x < this.a + 8) return i < rowsAt.length ? { row: rowsAt[i], col: null } : null;
    if (x > this.b - 8) return i < colsAt.length ? { row: this.explorer.view.row, col: colsAt[i] } : null;
    return null;
  }

  move(key, { row, col }, far) {
    const { shown: { rowsAt, colsAt } } = this.get();
    const by = { ArrowUp: -1, ArrowDown: 1, PageUp: -10, PageDown: 10, Home: -1e9, End: 1e9 }[key];
    if (key === "ArrowLeft") return { row: row ?? rowsAt[0], col: null };
    if (key === "ArrowRight") return { row, col: col ?? colsAt[0] };
    if (!by) return null;
    const go = (at, i) => at[i === null || at.indexOf(i) < 0 ? 0 : clamp(at.indexOf(i) + by * (far ? 10 : 1), 0, at.length - 1)];
    return col === null || col === undefined ? { row: go(rowsAt, row), col: null } : { row, col: go(colsAt, col) };
  }

  place({ row, col }) {
    const { shown: { rowsAt, colsAt } } = this.get();
    const i = col === null ? rowsAt.indexOf(row) : colsAt.indexOf(col);
    return [0, 8 + i * this.step, 10, this.step, 0, 8];
  }

  draw(ctx, { y, h: high }) {
    const { matrix, data, shown: filter } = this.get(), { rowsAt, colsAt } = filter;
    const { a, b, step } = this, { colors, view, pointed } = this.explorer;
    const middle = (i) => 8 + (i + 0.5) * step - y;
    const [i0, i1] = [Math.max(0, Math.floor((y - 8) / step)), Math.ceil((y + high) / step)];
    const active = pointed?.col == null ? pointed?.row ?? view.row : view.row;
    const target = pointed?.col ?? (active === null ? view.col : null);
    const weights = matrix && active !== null && rowsAt.includes(active) ? matrix.row(active) : null;
    if (matrix) {
      const pooled = matrix.pool(Math.max(1, Math.ceil(Math.max(rowsAt.length, colsAt.length) / 1024)), filter, () => this.explorer.repaint());
      // one token's lines are as thick as its own weights allow, all lines as thick as the largest of all
      this.peak = weights && target === null ? Math.max(...colsAt.map((j) => weights[j]), 1e-9) : pooled.peak;
      const line = (i, j, w, strong) => {
        const share = w / this.peak;
        if (share < (strong ? 0.004 : 0.03)) return;
        ctx.globalAlpha = Math.min(1, (strong ? 0.25 : 0.06) + 0.8 * share);
        ctx.lineWidth = 0.75 + 3.25 * share;
        ctx.beginPath();
        ctx.moveTo(a + 8, middle(i));
        const bend = (b - a) * 0.4;
        ctx.bezierCurveTo(a + 8 + bend, middle(i), b - 8 - bend, middle(j), b - 8, middle(j));
        ctx.stroke();
      };
      ctx.strokeStyle = colors.accent;
      const place = new Map(colsAt.map((j, at) => [j, at]));
      if (weights && target === null) for (const [j, at] of place) line(rowsAt.indexOf(active), at, weights[j], true);
      else {
        for (let i = i0; i < Math.min(i1, rowsAt.length); i++) {
          const row = matrix.row(rowsAt[i]);
          if (target !== null) line(i, place.get(target), row[target], true);
          else for (const [j, at] of place) if (row[j] > 0.03 * pooled.peak) line(i, at, row[j], false);
        }
      }
      ctx.globalAlpha = 1;
      ctx.lineWidth = 1;
    }
    const text = (tokens, at, i, x, align, axis) => {
      const chosen = view[axis] === at[i], hot = axis === "row" ? active === at[i] : target === at[i];
      ctx.font = FONT(Math.min(13, step - 3), chosen || hot);
      ctx.fillStyle = chosen ? colors.accent : hot ? colors.front : colors.ink;
      ctx.textAlign = align;
      ctx.fillText((chosen && axis === "row" ? "▸ " : "") + brief(tokens[at[i]]), x, middle(i));
    };
    ctx.textBaseline = "middle";
    for (let i = i0; i < Math.min(i1, rowsAt.length); i++) text(data.rows, rowsAt, i, a, "right", "row");
    const tokenRoom = 150;
    for (let j = i0; j < Math.min(i1, colsAt.length); j++) {
      text(data.columns, colsAt, j, b, "left", "col");
      const w = weights?.[colsAt[j]] ?? 0;
      if (w < 0.0005) continue;
      ctx.fillStyle = colors.accent;
      ctx.fillRect(b + tokenRoom, middle(j) - 4, Math.max(1, 80 * w), 8);
      ctx.fillStyle = colors.quiet;
      ctx.font = FONT(11);
      ctx.textAlign = "left";
      ctx.fillText(percent(w), b + tokenRoom + 80 * w + 6, middle(j));
    }
  }
}

// ---- The explorer ---------------------------------------------------------------------------------------------------

const TABS = { overview: "Overview", map: "Heat map", lines: "Lines", pair: "Query · key", compare: "Compare" };
const KEYS = [
  ["1 to 5", "choose a view"], ["[ and ]", "layer before, layer after"], [", and .", "head before, head after"], ["t", "go to the tokens"],
  ["arrow keys", "move over heads, tokens and cells"], ["Enter or Space", "open a head; pin or release a token"], ["+  −  0", "zoom in, out, back"],
  ["Ctrl with arrows", "move by ten"], ["Esc", "release what is pinned"], ["?", "this list"],
];
const START = {
  tab: "overview", source: "head", side: 0, kind: null, layer: 0, head: 0, layer2: null, head2: null, row: null, col: null, from: "all", to: "all",
  special: true, shade: 1, sort: "layer", measure: "entropy", set: null, zoom: 0, bySize: false,
};
const MISSING = "The weights of this head are not stored here. Run the cell again, or open the saved page.";
let serial = 0;

class Explorer {
  /** @param {{spec: object, source: object, view: object, remember: Function, rerun: Function | null}} given */
  constructor(el, given, signal) {
    Object.assign(this, given, { turn: 0, pointed: null, boards: [], cache: new Map(), matrix: null, second: null, tall: 600, id: `lcx${++serial}` });
    this.view = { ...START, ...given.view };
    this.el = h("section", { className: "lcx", "aria-label": "Attention explorer", "data-lm-suppress-shortcuts": "true", onkeydown: (event) => this.key(event) });
    el.replaceChildren(this.el);
    const again = () => { this.recolor(); this.repaint(); };
    const media = matchMedia("(prefers-color-scheme: dark)");
    media.addEventListener("change", again, { signal });
    const theme = new MutationObserver(() => requestAnimationFrame(again)); // JupyterLab names its theme on the body
    theme.observe(document.body, { attributes: true, attributeFilter: ["data-jp-theme-light", "data-jp-theme-name"] });
    signal.addEventListener("abort", () => { theme.disconnect(); this.cache.clear(); this.el.remove(); });
    this.build();
  }

  // -- state

  get data() { return this.dataOf(this.view.side); }

  dataOf(side) {
    const kinds = this.spec.sides[clamp(side, 0, this.spec.sides.length - 1)].kinds;
    return kinds.find((one) => one.kind === this.view.kind) ?? kinds[0];
  }

  /** Keep the view inside what this text has: an edited text may be shorter, another model smaller. */
  settle() {
    const { view, spec } = this;
    view.side = clamp(view.side, 0, spec.sides.length - 1);
    if (!TABS[view.tab] || (view.tab === "compare" && spec.sides.length < 2)) view.tab = "overview";
    const { data } = this;
    view.kind = data.kind;
    view.layer = clamp(view.layer, 0, data.layers - 1);
    view.head = clamp(view.head, 0, data.heads - 1);
    if (view.row >= data.rows.length) view.row = null;
    if (view.col >= data.columns.length) view.col = null;
    if (!data.measures.includes(view.measure)) view.measure = data.measures[0];
    if (view.sort !== "layer" && view.sort !== "up" && view.sort !== "down") view.sort = "layer";
    view.set = view.set?.filter(([l, n]) => l < data.layers && n < data.heads) ?? range(data.heads).map((n) => [view.layer, n]);
    if (view.source === "rollout" && !data.rollout) view.source = "head";
  }

  change(patch, rebuild = false) {
    const before = this.view.tab;
    Object.assign(this.view, patch);
    this.settle();
    this.remember({ ...this.view });
    if (rebuild) this.build();
    else { if (before !== this.view.tab) this.panel(); this.refresh(); }
  }

  /** Which rows and columns are shown after the filters, as {rowsAt, colsAt, key}. */
  shown(data) {
    const { from, to, special } = this.view;
    const pick = (n, segments, specials, which) => {
      const at = range(n).filter((i) => (which === "all" || segments[i] === which) && (special || !specials[i]));
      return at.length ? at : range(n);
    };
    const key = `${data.id} ${from} ${to} ${special}`;
    if (data.shown?.key !== key) {
      data.shown = { key, rowsAt: pick(data.rows.length, data.rowSegments, data.rowSpecial, from), colsAt: pick(data.columns.length, data.segments, data.special, to) };
    }
    return data.shown;
  }

  // -- data

  /** The weights that the view asks for; the last few stay at hand. */
  load(data, layer, head) {
    const { source, set } = this.view;
    const what = source === "head" || this.view.tab === "pair" ? `head ${layer} ${head}` : source === "rollout" ? "rollout" : `mean ${set}`;
    const key = `${data.id} ${what}`;
    if (!this.cache.has(key)) {
      if (this.cache.size >= 6) this.cache.delete(this.cache.keys().next().value);
      const asked = what.startsWith("head") ? this.source.head(data, layer, head).then((one) => one && new Matrix(data.rows.length, data.columns.length, one))
        : source === "rollout" ? this.source.rollout(data) : !set.length ? Promise.resolve(null) : this.source.mean(data, set, (share) => this.busy(`averaging: ${Math.round(100 * share)} %`));
      this.cache.set(key, asked.catch((error) => { console.error(error); return null; }).then((found) => { if (!found) this.cache.delete(key); return found; }));
    }
    return this.cache.get(key);
  }

  async refresh() {
    const turn = ++this.turn, { view, data } = this;
    for (const sync of this.syncs) sync();
    if (view.tab === "overview") this.boards = [];
    const wanted = [this.load(data, view.layer, view.head)];
    const other = view.tab === "compare" ? this.dataOf(1 - view.side) : null;
    if (other) wanted.push(this.load(other, clamp(view.layer2 ?? view.layer, 0, other.layers - 1), clamp(view.head2 ?? view.head, 0, other.heads - 1)));
    const [matrix, second] = await Promise.all(wanted);
    if (turn !== this.turn) return;
    Object.assign(this, { matrix, second });
    this.missing.hidden = Boolean(matrix) || view.tab === "overview";
    this.missing.textContent = view.source === "average" && !view.set.length ? "Choose the heads to average." : MISSING;
    for (const board of this.boards) board.layout();
    if (this.fresh && (view.row !== null || view.col !== null)) this.boards[0]?.reveal({ row: view.row, col: view.col }, true);
    this.fresh = false;
    if (view.tab === "pair") this.pair();
    this.repaint();
    this.tell(this.sentence());
    this.el.dataset.ready = String(turn);
  }

  repaint() {
    for (const board of this.boards) board.paint();
    this.shade();
    this.strongest();
  }

  // -- pointing and pinning

  point(at, board, aloud = false) {
    if (at === null && this.pointed === null) return;
    if (at && this.pointed && at.row === this.pointed.row && at.col === this.pointed.col) return;
    this.pointed = at;
    this.repaint();
    this.tell(this.sentence(), aloud);
  }

  pin({ row, col }) {
    const { view } = this;
    const same = view.row === row && view.col === (col ?? null);
    this.change(same ? { row: null, col: null } : { row: row ?? null, col: col ?? null });
    this.tell(same ? "Released." : `Pinned. ${this.sentence()}`, true);
  }

  /** What is under the pointer or pinned, in words. */
  sentence() {
    const { data, matrix, view } = this;
    const { row, col } = this.pointed ?? view;
    const where = view.tab === "pair" || view.source === "head" ? `layer ${view.layer}, head ${view.head}` : view.source === "rollout" ? "rollout over all layers" : `average of ${view.set.length} heads`;
    if (!matrix) return `${where}.`;
    if (row !== null && row !== undefined && col !== null && col !== undefined) return `${said(data.rows[row])} (${row}) looks at ${said(data.columns[col])} (${col}) with weight ${percent(matrix.row(row)[col])}; ${where}.`;
    if (row !== null && row !== undefined) {
      const top = matrix.strongest(row, this.shown(data).colsAt).map(([j, w]) => `${said(data.columns[j])} ${percent(w)}`).join(", ");
      return `${said(data.rows[row])} (${row}) looks most at ${top}; ${where}.`;
    }
    if (col !== null && col !== undefined) return `${said(data.columns[col])} (${col}) as looked at; ${where}.`;
    return `${where}. Point at a token, or pin one with Enter.`;
  }

  tell(text, aloud = false) {
    this.status.textContent = text[0].toUpperCase() + text.slice(1);
    if (aloud) this.live.textContent = text;
  }

  busy(text) { this.status.textContent = text; }

  zoom(by) { this.change({ zoom: by ? clamp(this.view.zoom + by, -12, 24) : 0 }); }

  key(event) {
    event.stopPropagation(); // a notebook would take letters for its own commands
    if (/^(INPUT|TEXTAREA|SELECT)$/.test(event.target.tagName) && event.target.type !== "checkbox") return;
    if (event.altKey || event.ctrlKey || event.metaKey || this.help.open) return;
    const { view, data } = this;
    const tabs = this.tabs();
    const turn = (value, by, n) => (value + by + n) % n;
    const acts = {
      "[": () => this.change({ layer: turn(view.layer, -1, data.layers) }), "]": () => this.change({ layer: turn(view.layer, 1, data.layers) }),
      ",": () => this.change({ head: turn(view.head, -1, data.heads) }), ".": () => this.change({ head: turn(view.head, 1, data.heads) }),
      "+": () => this.zoom(1), "=": () => this.zoom(1), "-": () => this.zoom(-1), 0: () => this.zoom(0), "?": () => this.help.showModal(),
      t: () => this.strips[0].el.querySelector("[tabindex='0']")?.focus(),
      Escape: () => { this.pointed = null; this.change({ row: null, col: null }); this.tell("Released.", true); },
    };
    const act = acts[event.key] ?? (tabs[event.key - 1] && (() => { this.change({ tab: tabs[event.key - 1] }); this.tabList.children[event.key - 1].focus(); }));
    if (!act || event.defaultPrevented) return;
    event.preventDefault();
    act();
    if ("[],.".includes(event.key)) this.live.textContent = `Layer ${view.layer}, head ${view.head}`;
  }

  tabs() { return Object.keys(TABS).filter((name) => name !== "compare" || this.spec.sides.length > 1); }

  // -- building

  build() {
    this.settle();
    const { spec, data, view } = this;
    this.syncs = [];
    this.strips = [];
    this.live = h("div", { className: "lcx-unseen", role: "status", "aria-live": "polite" });
    this.status = h("div", { className: "lcx-status" });
    this.missing = h("p", { className: "lcx-missing", hidden: true });
    this.main = h("div", { className: "lcx-panel", role: "tabpanel", id: `${this.id}-panel`, tabIndex: -1 });
    this.help = this.helpBox();
    this.tabList = h("div", { className: "lcx-tabs", role: "tablist", "aria-label": "View" }, this.tabs().map((name) => this.tab(name)));
    const choose = (label, options, get, set) => this.choice(label, options, get, set);
    const size = `${data.layers} layers × ${data.heads} heads · ${data.rows.length === data.columns.length ? data.rows.length : `${data.rows.length} × ${data.columns.length}`} tokens`;
    const title = h("div", { className: "lcx-title" }, h("strong", { dir: "auto" }, spec.sides[view.side].label), h("span", {}, size));
    const kinds = spec.sides[view.side].kinds.map((one) => one.kind);
    this.el.replaceChildren(
      h("header", { className: "lcx-head" }, title,
        spec.sides.length > 1 && choose("Side", spec.sides.map((side, i) => [i, `${i + 1}: ${side.label}`]), () => view.side, (side) => this.change({ side: Number(side), row: null, col: null }, true)),
        kinds.length > 1 ? choose("Attention", kinds.map((kind) => [kind, { encoder: "encoder self", decoder: "decoder self", cross: "cross" }[kind] ?? kind]), () => view.kind, (kind) => this.change({ kind, row: null, col: null, set: null }, true)) : h("span", { className: "lcx-quiet" }, `${data.kind} self-attention`.replace("cross self-", "cross-")),
        h("button", { type: "button", className: "lcx-icon", "aria-label": "Keyboard shortcuts", title: "Keyboard shortcuts (?)", onclick: () => this.help.showModal() }, "?")),
      this.rerun ? this.form() : "",
      this.tabList, this.controls(), this.strip("row"), this.strip("col"), this.main, h("footer", { className: "lcx-foot" }, this.status, this.key0 = h("div", { className: "lcx-legend" })), this.live, this.help);
    this.recolor();
    this.panel();
    this.refresh();
  }

  tab(name) {
    const tab = h("button", { type: "button", role: "tab", id: `${this.id}-${name}`, "aria-controls": `${this.id}-panel`, onclick: () => this.change({ tab: name }), onkeydown: (event) => {
      const by = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
      if (!by) return;
      event.preventDefault();
      const tabs = this.tabs(), next = tabs[(tabs.indexOf(name) + by + tabs.length) % tabs.length];
      this.change({ tab: next });
      this.tabList.children[tabs.indexOf(next)].focus();
    } }, TABS[name]);
    this.syncs.push(() => { const on = this.view.tab === name; tab.setAttribute("aria-selected", on); tab.tabIndex = on ? 0 : -1; if (on) this.main.setAttribute("aria-labelledby", tab.id); });
    return tab;
  }

  /** A named list to choose from; `only` says when it is there. */
  choice(label, options, get, set, only = () => true) {
    const select = h("select", { "aria-label": label, onchange: () => set(select.value) }, options.map(([value, text]) => h("option", { value: String(value) }, text)));
    const box = h("label", { className: "lcx-choice" }, h("span", {}, label), select);
    this.syncs.push(() => { select.value = String(get()); box.hidden = !only(); });
    return box;
  }

  check(label, get, set, only = () => true) {
    const input = h("input", { type: "checkbox", "aria-label": label, onchange: () => set(input.checked) });
    const box = h("label", { className: "lcx-choice" }, input, h("span", {}, label));
    this.syncs.push(() => { input.checked = get(); box.hidden = !only(); });
    return box;
  }

  controls() {
    const { view, data } = this;
    const is = (...names) => () => names.includes(this.view.tab);
    const single = () => view.tab === "pair" || (view.tab !== "overview" && view.source === "head");
    const numbers = (n) => range(n).map((i) => [i, String(i)]);
    const sources = [["head", "one head"], ["average", "average of heads"], ...(data.rollout ? [["rollout", "rollout"]] : [])];
    const pairs = new Set([...data.segments, ...data.rowSegments]).size > 1;
    const parts = [["all", "both texts"], [0, "text A"], [1, "text B"]];
    const part = (value) => (value === "all" ? value : Number(value));
    const other = this.spec.sides.length > 1 ? this.dataOf(1 - view.side) : null;
    const pictures = is("map", "lines", "compare");
    const button = (text, label, act) => h("button", { type: "button", "aria-label": label, title: label, onclick: act }, text);
    const tools = h("div", { className: "lcx-tools", role: "group", "aria-label": "Picture" }, button("−", "Zoom out (-)", () => this.zoom(-1)), button("fit", "Fit (0)", () => this.zoom(0)), button("+", "Zoom in (+)", () => this.zoom(1)), button("PNG", "Save this picture as PNG", () => this.save()));
    this.syncs.push(() => { tools.hidden = !pictures(); });
    const name = (measure) => [measure, measure];
    return h("div", { className: "lcx-controls" },
      this.choice("Show", sources, () => view.source, (source) => this.change({ source }, true), pictures),
      this.choice("Layer", numbers(data.layers), () => view.layer, (layer) => this.change({ layer: Number(layer) }), single),
      this.choice("Head", numbers(data.heads), () => view.head, (head) => this.change({ head: Number(head) }), single),
      other && this.choice("with layer", [["same", "same"], ...numbers(other.layers)], () => view.layer2 ?? "same", (v) => this.change({ layer2: v === "same" ? null : Number(v) }), () => view.tab === "compare" && single()),
      other && this.choice("head", [["same", "same"], ...numbers(other.heads)], () => view.head2 ?? "same", (v) => this.change({ head2: v === "same" ? null : Number(v) }), () => view.tab === "compare" && single()),
      this.choice("Order", [["layer", "by layer"], ["down", "highest first"], ["up", "lowest first"]], () => view.sort, (sort) => { this.change({ sort }); this.panel(); }, is("overview")),
      this.choice("Measure", data.measures.map(name), () => view.measure, (measure) => { this.change({ measure }); this.panel(); }, is("overview")),
      pairs && this.choice("From", parts, () => view.from, (v) => this.change({ from: part(v) }), pictures),
      pairs && this.choice("to", parts, () => view.to, (v) => this.change({ to: part(v) }), pictures),
      (data.special.includes(1) || data.rowSpecial.includes(1)) && this.check("special tokens", () => view.special, (special) => this.change({ special }), pictures),
      this.choice("Darkest at", [[1, "largest"], ...[0.5, 0.2, 0.1, 0.05, 0.02].map((w) => [w, String(w)])], () => view.shade, (w) => this.change({ shade: Number(w) }), is("map", "compare")),
      this.check("largest first", () => view.bySize, (bySize) => this.change({ bySize }), is("pair")),
      tools);
  }

  form() {
    const { spec } = this;
    const text = h("input", { type: "text", value: spec.text ?? "", "aria-label": "Text", placeholder: "Text" });
    const pair = spec.pair === null || spec.pair === undefined ? null : h("input", { type: "text", value: spec.pair, "aria-label": "Second text", placeholder: "Second text" });
    const go = h("button", { type: "submit" }, "Run again");
    const problem = h("span", { className: "lcx-problem", role: "alert" }, spec.problem ?? "");
    return h("form", { className: "lcx-form", onsubmit: (event) => { event.preventDefault(); go.disabled = true; go.textContent = "Running…"; this.rerun(text.value, pair?.value ?? null); } }, text, pair, go, problem);
  }

  helpBox() {
    const box = h("dialog", { className: "lcx-help", "aria-label": "Keyboard shortcuts", onclick: (event) => event.target === box && box.close() },
      h("h3", {}, "Keyboard"), h("dl", {}, KEYS.map(([key, what]) => [h("dt", {}, key), h("dd", {}, what)])),
      h("p", {}, "Rows are tokens that look (queries), columns tokens that are looked at (keys). Each row of weights sums to 1. Shades follow the square root of the weight, up to the largest one shown."),
      h("button", { type: "button", onclick: () => box.close() }, "Close"));
    return box;
  }

  /** The tokens as a list: one is in the tab order, arrows move, Enter pins. Shades and bars show the chosen row. */
  strip(axis) {
    const { data } = this, rows = axis === "row", tokens = rows ? data.rows : data.columns;
    const [special, segments] = rows ? [data.rowSpecial, data.rowSegments] : [data.special, data.segments];
    const items = tokens.map((token, i) => h("span", { role: "option", tabIndex: i === 0 ? 0 : -1, "data-at": i, className: special[i] ? "lcx-special" : segments[i] ? "lcx-b" : "", "aria-selected": "false" }, h("bdi", {}, shown(token))));
    if (rows && data.written < tokens.length) items[data.written].classList.add("lcx-written");
    const index = (event) => { const item = event.target.closest("[data-at]"); return item ? Number(item.dataset.at) : null; };
    const spot = (i) => (rows ? { row: i, col: null } : { row: this.view.row, col: i });
    const focus = (i) => { for (const item of list.querySelectorAll("[tabindex='0']")) item.tabIndex = -1; items[i].tabIndex = 0; items[i].focus(); };
    const list = h("div", {
      className: "lcx-tokens", role: "listbox", "aria-orientation": "horizontal", "aria-label": rows ? "Tokens that look (queries)" : "Tokens that are looked at (keys)",
      onpointerover: (event) => { const i = index(event); if (i !== null) this.point(spot(i)); },
      onpointerleave: () => this.point(null),
      onclick: (event) => { const i = index(event); if (i !== null) { focus(i); this.choose(axis, i); } },
      onfocusin: (event) => { const i = index(event); if (i !== null) this.point(spot(i), null, true); },
      onfocusout: () => this.point(null),
      onkeydown: (event) => {
        const i = index(event);
        if (i === null) return;
        if (event.key === "Enter" || event.key === " ") this.choose(axis, i);
        else {
          const line = (by) => { // the nearest token of the next line
            const [x, y] = [items[i].offsetLeft, items[i].offsetTop];
            let k = i + by;
            while (items[k] && items[k].offsetTop === y) k += by;
            const row = items[k]?.offsetTop;
            while (items[k + by]?.offsetTop === row && (by > 0 ? items[k].offsetLeft < x : items[k].offsetLeft > x)) k += by;
            return items[k] ? k : i;
          };
          const go = { ArrowRight: () => i + 1, ArrowLeft: () => i - 1, ArrowDown: () => line(1), ArrowUp: () => line(-1), Home: () => 0, End: () => items.length - 1 }[event.key];
          if (!go) return;
          focus(clamp(go(), 0, items.length - 1));
        }
        event.preventDefault();
      },
    }, items);
    const box = h("div", { className: "lcx-strip" }, h("span", { className: "lcx-quiet" }, rows ? (data.kind === "cross" ? "looks" : "text") : "looked at"), list);
    if (!rows) this.syncs.push(() => { box.hidden = data.kind !== "cross" && this.view.tab !== "pair"; });
    this.strips.push({ axis, el: box, items });
    return box;
  }

  choose(axis, i) {
    const { view } = this;
    if (axis === "row") this.pin({ row: i, col: view.tab === "pair" && view.row !== i ? view.col : null });
    else this.pin({ row: view.row, col: view.col === i ? null : i });
  }

  shade() {
    const { data, view, matrix, pointed } = this;
    const active = pointed?.row ?? view.row, weights = matrix && active !== null && active !== undefined ? matrix.row(active) : null;
    const peak = weights ? weights.reduce((a, b) => Math.max(a, b), 1e-9) : 1;
    for (const { axis, items } of this.strips) {
      const carries = data.kind === "cross" || view.tab === "pair" ? axis === "col" : axis === "row"; // where weights are shown
      items.forEach((item, i) => {
        const share = carries && weights ? Math.round(100 * Math.sqrt(weights[i] / peak)) : 0;
        if (item.share !== share) { item.share = share; item.style.setProperty("--w", share / 100); }
        const pinned = view[axis] === i;
        if ((item.getAttribute("aria-selected") === "true") !== pinned) item.setAttribute("aria-selected", pinned);
        item.classList.toggle("lcx-active", i === (axis === "row" ? active : pointed?.col ?? view.col));
      });
    }
  }

  // -- the views

  panel() {
    const { view } = this;
    this.boards = [];
    this.main.replaceChildren(this.missing);
    this.aside = h("aside", { className: "lcx-aside" });
    if (view.tab !== "overview" && view.tab !== "pair" && view.source === "average") this.aside.append(this.chooser());
    if (view.tab === "overview") this.overview();
    else if (view.tab === "pair") this.main.append(this.pairBox = h("div", { className: "lcx-pair" }));
    else if (view.tab === "compare") { this.main.append(this.aside); this.compare(); }
    else {
      const get = () => ({ matrix: this.matrix, data: this.data, shown: this.shown(this.data) });
      const pane = h("div", { className: "lcx-pane" });
      this.main.append(h("div", { className: "lcx-side" }, pane, this.aside));
      this.aside.append(this.top = h("div", { className: "lcx-top" }));
      this.fresh = true; // the first time it is drawn, what is pinned is scrolled into view
      if (view.tab === "map") this.add(new HeatMap(this, get), "Heat map: arrows move over pairs of tokens, Enter pins", pane);
      else this.add(new Lines(this, get), "Lines: arrows move over tokens, left looks, right is looked at, Enter pins", pane);
    }
  }

  /** The strongest weights of the row that is pointed at or pinned, as a list beside the picture. */
  strongest() {
    const { data, matrix, view, pointed, top } = this, row = pointed?.row ?? view.row;
    if ((view.tab !== "map" && view.tab !== "lines") || !top) return;
    if (!matrix) { top.replaceChildren(); top.key = null; return; }
    const key = `${row} ${this.turn} ${pointed?.col}`;
    if (top.key === key) return;
    top.key = key;
    if (row === null || row === undefined) { top.replaceChildren(h("p", { className: "lcx-quiet" }, "Point at a row, or pin one, to read its weights here.")); return; }
    const found = matrix.strongest(row, this.shown(data).colsAt, 12).filter(([, w]) => w > 0);
    top.replaceChildren(h("p", {}, h("bdi", {}, h("strong", {}, brief(data.rows[row]))), ` (${row}) looks at`),
      h("ol", {}, found.map(([j, w]) => h("li", { className: pointed?.col === j ? "lcx-hot" : "" }, h("bdi", {}, brief(data.columns[j])), h("i", { style: `width:${Math.max(1, 90 * w)}px` }), h("span", {}, percent(w))))));
  }

  add(part, label, into) {
    const board = new Board(this, part, label);
    this.boards.push(board);
    into.append(board.el);
    return board;
  }

  /** All heads at a glance: a picture each, in rows of a layer or sorted by a measure. */
  async overview() {
    const { data, view } = this, [high, wide] = data.thumb;
    const bytes = await (data.pixels ??= this.source.block(`${data.id}.thumbnails`));
    const values = await (data.numbers ??= this.source.block(`${data.id}.measures`).then((raw) => raw && new Float32Array(raw.buffer, raw.byteOffset, raw.byteLength / 4)));
    if (view.tab !== "overview" || data !== this.data || !bytes) return;
    const all = data.layers * data.heads, base = data.measures.indexOf(view.measure) * all;
    const value = (n) => values[base + n], most = Math.max(...range(all).map(value), 1e-9);
    const order = range(all);
    if (view.sort !== "layer") order.sort((a, b) => (view.sort === "up" ? value(a) - value(b) : value(b) - value(a)));
    const edge = data.heads <= 4 ? 132 : data.heads <= 8 ? 96 : 64;
    const drawn = [];
    const cell = (n) => {
      const [layer, head] = [Math.floor(n / data.heads), n % data.heads];
      const canvas = h("canvas", { width: wide, height: high, "aria-hidden": "true" });
      drawn.push([canvas, n]);
      const number = Number.isFinite(value(n)) ? value(n).toFixed(2) : "–";
      return h("div", { role: "gridcell" }, h("button", {
        type: "button", tabIndex: -1, "data-n": n, className: "lcx-thumb", "aria-label": `Layer ${layer}, head ${head}: ${view.measure} ${number}`,
        onclick: () => this.change({ tab: "map", source: "head", layer, head }, view.source !== "head"),
      }, canvas, h("span", { className: "lcx-measure", "aria-hidden": "true" }, h("i", { style: `width:${(100 * Math.max(0, value(n))) / most}%` })), h("span", {}, `${layer} · ${head}`), h("span", { className: "lcx-quiet" }, number)));
    };
    const rows = range(Math.ceil(all / data.heads)).map((r) => h("div", { role: "row", className: "lcx-row" },
      h("span", { role: "rowheader", className: "lcx-quiet" }, view.sort === "layer" ? `layer ${r}` : `${r * data.heads + 1}–${Math.min(all, (r + 1) * data.heads)}`), order.slice(r * data.heads, (r + 1) * data.heads).map(cell)));
    const grid = h("div", { className: "lcx-grid", role: "grid", "aria-label": `All heads, ${view.measure} below each`, style: `--edge:${edge}px`, onkeydown: (event) => {
      const cells = [...grid.querySelectorAll("button")], i = cells.indexOf(document.activeElement);
      const by = { ArrowRight: 1, ArrowLeft: -1, ArrowDown: data.heads, ArrowUp: -data.heads, Home: -1e9, End: 1e9 }[event.key];
      if (i < 0 || !by || event.altKey) return;
      event.preventDefault();
      const next = Math.abs(by) > 1e6 ? clamp(i + by, 0, all - 1) : i + by;
      if (!cells[next]) return;
      for (const one of cells) one.tabIndex = -1;
      cells[next].tabIndex = 0;
      cells[next].focus();
    } }, rows);
    (grid.querySelector(`[data-n="${view.layer * data.heads + view.head}"]`) ?? grid.querySelector("button")).tabIndex = 0;
    this.main.replaceChildren(this.missing, grid);
    this.thumbs = () => {
      const { weight } = this.colors.ramps, image = new ImageData(wide, high), pixels = new Uint32Array(image.data.buffer);
      for (const [canvas, n] of drawn) {
        for (let k = 0, at = n * wide * high; k < pixels.length; k++, at++) pixels[k] = weight[Math.round((255 * bytes[at]) / (data.levels - 1))];
        canvas.getContext("2d").putImageData(image, 0, 0);
      }
    };
    this.thumbs();
    this.el.dataset.painted = "true";
    performance.mark("lcx-painted");
  }

  /** Which heads the average is over: a box for each, layer and head names choose whole rows and columns. */
  chooser() {
    const { data, view } = this;
    const has = (l, n) => view.set.some(([a, b]) => a === l && b === n);
    const set = (wanted, on) => {
      const rest = view.set.filter(([a, b]) => !wanted.some(([l, n]) => a === l && b === n));
      this.change({ set: (on ? [...rest, ...wanted] : rest).sort((a, b) => a[0] - b[0] || a[1] - b[1]) });
      for (const [box, l, n] of boxes) box.checked = has(l, n);
    };
    const boxes = [];
    const group = (text, label, wanted) => h("button", { type: "button", "aria-label": label, onclick: () => set(wanted, !wanted.every(([l, n]) => has(l, n))) }, text);
    const layer = (l) => range(data.heads).map((n) => [l, n]), column = (n) => range(data.layers).map((l) => [l, n]);
    const box = (l, n) => { const input = h("input", { type: "checkbox", checked: has(l, n), "aria-label": `Layer ${l}, head ${n}`, onchange: () => set([[l, n]], input.checked) }); boxes.push([input, l, n]); return input; };
    const everything = range(data.layers).flatMap(layer);
    const table = h("table", { onkeydown: (event) => {
      const by = { ArrowRight: [0, 1], ArrowLeft: [0, -1], ArrowDown: [1, 0], ArrowUp: [-1, 0] }[event.key], cell = event.target.closest("td,th");
      if (!by || !cell) return;
      event.preventDefault();
      table.rows[cell.parentElement.rowIndex + by[0]]?.cells[cell.cellIndex + by[1]]?.querySelector("input,button")?.focus();
    } }, h("tr", {}, h("th", {}, group("all", "All heads", everything)), range(data.heads).map((n) => h("th", {}, group(String(n), `Head ${n} of every layer`, column(n))))),
    range(data.layers).map((l) => h("tr", {}, h("th", {}, group(`layer ${l}`, `Every head of layer ${l}`, layer(l))), range(data.heads).map((n) => h("td", {}, box(l, n))))));
    return h("details", { className: "lcx-chooser", open: true }, h("summary", {}, "Heads that are averaged"), table);
  }

  compare() {
    const [a, b] = [this.data, this.dataOf(1 - this.view.side)];
    const fits = a.rows.length === b.rows.length && a.columns.length === b.columns.length;
    const one = (data, get) => () => ({ data, matrix: get(), shown: this.shown(data) });
    const peak = () => Math.max(...this.boards.slice(0, 2).map((board) => board.part.get().matrix?.pooled.values().next().value?.peak ?? 0), 1e-9);
    const parts = [[this.spec.sides[this.view.side].label, one(a, () => this.matrix)], [this.spec.sides[1 - this.view.side].label, one(b, () => this.second)]].map(([label, get]) => [label, () => ({ ...get(), peak })]);
    if (fits) parts.push(["Difference: first − second", () => ({ data: a, shown: this.shown(a), difference: true, matrix: this.difference() })]);
    const all = h("div", { className: "lcx-compare" }, parts.map(([label, get]) => { const box = h("figure", {}, h("figcaption", { dir: "auto" }, label)); this.add(new HeatMap(this, get), `Heat map, ${label}`, box); return box; }),
      fits ? "" : h("p", { className: "lcx-quiet" }, "The texts have different numbers of tokens, so there is no difference to show."));
    this.main.append(all);
  }

  difference() {
    const { matrix, second } = this;
    if (!matrix || !second) return null;
    if (this.apart?.of !== matrix || this.apart.and !== second) {
      this.apart = new Given(matrix.rows, matrix.columns, (i) => { const other = second.row(i); return matrix.row(i).map((w, j) => w - other[j]); });
      Object.assign(this.apart, { of: matrix, and: second });
    }
    return this.apart;
  }

  /** Which dimensions of query and key make the score of one pair of tokens. */
  pair() {
    const { data, view, matrix } = this, box = this.pairBox;
    const [i, j] = [view.row ?? 0, view.col ?? view.row ?? 0], head = matrix?.head;
    if (!matrix) return box.replaceChildren();
    const [a, b] = [said(data.rows[i]), said(data.columns[j])];
    if (!head?.query) return box.replaceChildren(h("p", {}, `${a} looks at ${b} with weight ${percent(matrix.row(i)[j])}. The queries and keys of this head were not recorded, so they cannot be shown.`));
    const q = head.query.subarray(i * head.d, (i + 1) * head.d), k = head.key.subarray(j * head.d, (j + 1) * head.d);
    const products = Array.from(q, (x, n) => x * k[n] * head.scale), total = products.reduce((x, y) => x + y, 0);
    const order = range(head.d);
    if (view.bySize) order.sort((x, y) => Math.abs(products[y]) - Math.abs(products[x]));
    const top = [...range(head.d)].sort((x, y) => Math.abs(products[y]) - Math.abs(products[x])).slice(0, 8);
    const signed = (x) => (x < 0 ? "−" : "+") + Math.abs(x).toFixed(2), most = Math.max(...products.map(Math.abs), 1e-9);
    const hidden = head.bias === BIAS.causal && j > i + data.columns.length - data.rows.length;
    const bias = head.shift ? head.shift[j - i + data.rows.length - 1] : 0;
    const [w, high] = [860, 150], wide = w / head.d;
    const bars = order.map((n, at) => {
      const tall = (Math.abs(products[n]) / most) * (high / 2 - 4), up = products[n] >= 0;
      return svg("rect", { x: at * wide + wide * 0.12, width: wide * 0.76, y: up ? high / 2 - tall : high / 2, height: Math.max(tall, 0.5), class: up ? "lcx-plus" : "lcx-minus" }, svg("title", {}, `dimension ${n}: ${q[n].toFixed(2)} × ${k[n].toFixed(2)} × ${head.scale.toFixed(3)} = ${signed(products[n])}`));
    });
    const names = order.filter((_, at) => head.d <= 40 || at % 4 === 0).map((n) => { const at = order.indexOf(n); return svg("text", { x: (at + 0.5) * wide, y: high + 12, "text-anchor": "middle" }, String(n)); });
    const picture = svg("svg", { viewBox: `0 0 ${w} ${high + 18}`, role: "img", "aria-label": `Products of query and key, dimension by dimension; they sum to ${total.toFixed(2)}` }, svg("line", { x1: 0, x2: w, y1: high / 2, y2: high / 2 }), ...bars, ...names);
    box.replaceChildren(
      h("p", { className: "lcx-sum" }, h("span", {}, `${a} (${i}) → ${b} (${j})`), h("span", {}, hidden ? "masked: a later token, weight 0" : `score ${signed(total)}${bias ? `, position ${signed(bias)}` : ""}`), h("strong", {}, `weight ${percent(matrix.row(i)[j])}`)),
      h("p", { className: "lcx-quiet" }, `Each bar is query × key × ${head.scale.toFixed(3)} in one of ${head.d} dimensions: up adds to the score, down takes away. The softmax of a row's scores gives its weights.`),
      picture,
      h("table", {}, h("caption", {}, "The largest products"), h("tr", {}, ["dimension", "query", "key", "product"].map((name) => h("th", { scope: "col" }, name))), top.map((n) => h("tr", {}, h("th", { scope: "row" }, String(n)), [q[n], k[n], products[n]].map((x) => h("td", {}, signed(x)))))));
  }

  // -- colors and pictures

  recolor() {
    const style = getComputedStyle(this.el), read = (name) => style.getPropertyValue(name).trim();
    const [r, g, b] = (style.backgroundColor.match(/[\d.]+/g) ?? [255, 255, 255]).map(Number);
    const dark = 0.3 * r + 0.6 * g + 0.1 * b < 110;
    this.el.classList.toggle("lcx-dark", dark);
    const late = getComputedStyle(this.el);
    this.colors = { dark, ramps: RAMPS[dark ? "dark" : "light"], back: late.backgroundColor, front: late.color, onStrong: dark ? "#0b1220" : "#ffffff", onWeak: late.color };
    for (const name of ["ink", "quiet", "soft", "line", "accent"]) this.colors[name] = read(`--lcx-${name}`) || late.color;
    if (this.view.tab === "overview") this.thumbs?.();
    this.legend();
  }

  legend() {
    const board = this.boards[0]?.part, { colors, view } = this;
    if (!this.key0) return;
    const bar = (which) => h("i", { style: `background:linear-gradient(90deg,${range(9).map((n) => css(colors.ramps[which][Math.round(n * 31.875)])).join(",")})` });
    const text = view.tab === "pair" || (view.tab !== "overview" && !board?.peak) ? null : view.tab === "overview" ? "largest of each head" : percent(board.peak);
    if (this.legendText === `${text}${colors.dark}${view.tab}`) return;
    this.legendText = `${text}${colors.dark}${view.tab}`;
    const lines = view.tab === "lines";
    this.key0.replaceChildren(...(text === null ? [] : lines ? [`thickest line ${text}`] : ["0", bar("weight"), text, ...(view.tab === "compare" && this.boards[2] ? [h("span", { className: "lcx-gap" }, "second more"), bar("difference"), "first more"] : [])]));
  }

  save() {
    const board = this.boards[0];
    board.whole().toBlob((blob) => {
      const url = URL.createObjectURL(blob);
      h("a", { href: url, download: `attention-layer-${this.view.layer}-head-${this.view.head}.png` }).click();
      setTimeout(() => URL.revokeObjectURL(url), 1000);
    });
  }
}

/** Fill in what the specification leaves out: self-attention names its tokens once. */
function complete(spec) {
  spec.sides.forEach((side) => side.kinds.forEach((data) => {
    data.columns ??= data.rows;
    data.special ??= data.rowSpecial;
    data.segments ??= data.rowSegments;
  }));
  return spec;
}

// ---- Two ways to start ----------------------------------------------------------------------------------------------

const WIDGET_VIEW = "application/vnd.jupyter.widget-view+json";

/**
 * The notebook cell that shows a widget, as a place to keep its view; in JupyterLab only, elsewhere it keeps nothing.
 *
 * The view goes into the cell's metadata, which a new run of the cell reads. And when the notebook is saved, the output
 * is written without the widget, whose state dies with the kernel, and with the view inside the static page: whoever
 * opens the notebook later sees the page as it was left, not a message that a model was not found.
 */
function cellOf(model, key) {
  const cells = model.widget_manager?.context?.model?.cells ?? [];
  const ours = (output) => output.data?.[WIDGET_VIEW]?.explorer === key;
  for (const cell of cells) {
    const shared = cell.sharedModel;
    if (cell.type !== "code" || typeof shared?.toJSON !== "function" || !shared.getOutputs?.().some(ours)) continue;
    const plain = shared.toJSON;
    const state = { view: cell.getMetadata("llm_course_view") };
    shared.toJSON = function () {
      const saved = plain.call(this);
      const outputs = saved.outputs.map((output) => {
        if (!ours(output)) return output;
        const { [WIDGET_VIEW]: _, ...data } = output.data;
        const view = JSON.stringify(state.view ?? {}).replace(/[<>&']/g, (c) => `\\u${c.charCodeAt(0).toString(16).padStart(4, "0")}`);
        const html = [data["text/html"]].flat().join("").replace(/(data-block="spec">\{"view":)\{[^{}]*\}/, (_all, before) => before + view);
        return { ...output, data: { ...data, "text/html": html } };
      });
      return { ...saved, outputs };
    };
    return {
      view: state.view,
      keep: (view) => { state.view = view; cell.setMetadata("llm_course_view", view); },
      leave: () => { delete shared.toJSON; },
    };
  }
  return { view: null, keep() {}, leave() {} };
}

/** In a notebook: the widget's model carries the specification, the first blocks and the view. */
function render({ model, el }) {
  let stop = null, cell = { view: null, keep() {}, leave() {} };
  try { cell = cellOf(model, model.get("key")); } catch (error) { console.warn("The view will not be kept in the notebook:", error); }
  const start = () => {
    stop?.abort();
    stop = new AbortController();
    const spec = complete(structuredClone(model.get("spec")));
    let timer = null;
    const keep = (view) => { model.set("view", view); model.save_changes(); cell.keep(view); };
    const remember = (view) => { clearTimeout(timer); timer = setTimeout(keep, 200, view); };
    const rerun = spec.rerun ? (text, pair) => model.send({ type: "rerun", text, pair }) : null;
    const given = model.get("view");
    const view = Object.keys(given ?? {}).length ? given : cell.view ?? {};
    el.lcx = new Explorer(el, { spec, source: new LiveSource(model, stop.signal), view, remember, rerun }, stop.signal);
  };
  start();
  model.on("change:spec", start);
  return () => { model.off("change:spec", start); stop.abort(); cell.leave(); };
}

/** In a page: everything is in its script blocks, and the view is kept in the address. */
function startPage(root) {
  const spec = complete(JSON.parse(root.querySelector("script[data-block=spec]").textContent));
  let view = spec.view ?? {};
  try { view = { ...view, ...JSON.parse(decodeURIComponent(location.hash.slice(1)) || "{}") }; } catch { /* an address that was not ours */ }
  const remember = (now) => { try { history.replaceState(null, "", `#${encodeURIComponent(JSON.stringify(now))}`); } catch { /* inside a notebook's output there is no address */ } };
  const el = root.querySelector("[data-explorer]");
  el.lcx = new Explorer(el, { spec, source: new PageSource(root), view, remember, rerun: null }, new AbortController().signal);
  // The page is nothing but the explorer: keys work before anything in it has the focus.
  document.addEventListener("keydown", (event) => { if (event.target === document.body) el.lcx.key(event); });
}

export default { render, startPage };
