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
const signed = (w) => (Math.abs(w) < 0.00095 ? "0" : (w < 0 ? "−" : "+") + percent(Math.abs(w)));

// What has the focus is made anew when a list is changed or a text is run again: it is found again by its names.
const nameOf = (el) => el.dataset.at ?? el.getAttribute("aria-label") ?? el.textContent;
const scopeOf = (el) => el.parentElement.closest("[role=listbox], [role=tablist], [role=group], [role=tabpanel], table")?.getAttribute("aria-label") ?? "";

function focusOf(root) {
  const el = document.activeElement;
  if (!el || el === root || !root.contains(el)) return null;
  const caret = el.type === "text" ? [el.selectionStart, el.selectionEnd] : null;
  return { tag: el.tagName, name: nameOf(el), scope: scopeOf(el), caret };
}

function refocus(root, was) {
  if (!was) return;
  const same = (el) => el.tagName === was.tag && nameOf(el) === was.name && scopeOf(el) === was.scope && !el.closest("[hidden]");
  const el = [...root.querySelectorAll("button, select, input, summary, [tabindex]")].find(same) ?? root.querySelector("[role=tabpanel]");
  if (el?.getAttribute("role") === "option") rove(el.parentElement, el);
  el?.focus({ preventScroll: true });
  if (was.caret && el.setSelectionRange) el.setSelectionRange(...was.caret);
}

/** Make one of a group the one that Tab reaches; arrows move among the others. */
function rove(group, el) {
  for (const one of group.querySelectorAll("[tabindex='0']")) one.tabIndex = -1;
  el.tabIndex = 0;
}

// ---- Decoding -------------------------------------------------------------------------------------------------------

function fromBase64(text) {
  if (Uint8Array.fromBase64) return Uint8Array.fromBase64(text);
  const raw = atob(text);
  const bytes = new Uint8Array(raw.length);
  for (let i = 0; i < raw.length; i++) bytes[i] = raw.charCodeAt(i);
  return bytes;
}

async function through(bytes, stream) { return new Uint8Array(await new Response(new Response(bytes).body.pipeThrough(stream)).arrayBuffer()); }
const inflate = (bytes) => through(bytes, new DecompressionStream("deflate"));

/** Bytes as a block of a page has them. */
async function packed(bytes) {
  const small = await through(bytes, new CompressionStream("deflate"));
  let raw = "";
  for (let i = 0; i < small.length; i += 8192) raw += String.fromCharCode(...small.subarray(i, i + 8192));
  return btoa(raw);
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
    const { turned } = this, q = head.query.subarray(i * head.d, (i + 1) * head.d).map((x) => x * head.scale);
    let k = 0;
    for (; k + 4 <= head.d; k += 4) { // four dimensions at a time: each sum is read and written a quarter as often
      const [a, b, c, d] = q.subarray(k, k + 4);
      for (let j = 0, at = k * n, bt = at + n, ct = bt + n, dt = ct + n; j < end; j++) out[j] += a * turned[at + j] + b * turned[bt + j] + c * turned[ct + j] + d * turned[dt + j];
    }
    for (; k < head.d; k++) for (let j = 0, at = k * n; j < end; j++) out[j] += q[k] * turned[at + j];
    if (head.shift) for (let j = 0, at = this.rows - 1 - i; j < end; j++, at++) out[j] += head.shift[at];
    let peak = -Infinity, sum = 0;
    for (let j = 0; j < end; j++) if (out[j] > peak) peak = out[j];
    for (let j = 0; j < end; j++) sum += out[j] = Math.exp(out[j] - peak);
    for (let j = 0; j < end; j++) out[j] /= sum;
    return out;
  }

  /**
   * Largest weights of blocks of `step` x `step`, and the largest of all; made in slices, so that the page stays alive.
   * `more` is told of each slice, and says whether anybody still looks; if not, the rest is left undone.
   */
  pool(step, { rowsAt, colsAt, key: shownTokens }, more) {
    const key = `${step} ${shownTokens}`;
    if (this.pooled.has(key)) return this.pooled.get(key);
    const wide = Math.ceil(colsAt.length / step), high = Math.ceil(rowsAt.length / step);
    const pooled = { step, wide, high, data: new Float32Array(wide * high), peak: 1e-9, ready: false };
    this.pooled.set(key, pooled);
    let i = 0, later = false; // the first slice is part of the drawing that asks for it
    const slice = () => {
      if (i && !more()) { this.pooled.delete(key); return; }
      const until = performance.now() + 30;
      for (; i < rowsAt.length; i++) {
        const row = this.row(rowsAt[i]), base = Math.floor(i / step) * wide;
        for (let j = 0; j < colsAt.length; j++) {
          const w = row[colsAt[j]], at = base + (step === 1 ? j : Math.floor(j / step));
          if (Math.abs(w) > Math.abs(pooled.data[at])) { pooled.data[at] = w; pooled.peak = Math.max(pooled.peak, Math.abs(w)); }
        }
        if (performance.now() > until) { i++; setTimeout(slice); return; }
      }
      pooled.ready = true;
      if (later) more();
    };
    slice();
    later = true;
    return pooled;
  }

  /** The strongest columns of a row among those shown; of a difference the largest, whatever their sign. */
  strongest(i, colsAt, count = 3) {
    const row = this.row(i);
    return [...colsAt].sort((a, b) => Math.abs(row[b]) - Math.abs(row[a])).slice(0, count).map((j) => [j, row[j]]);
  }
}

/** A matrix given as its rows: averages and differences. */
class Given extends Matrix {
  constructor(rows, columns, make) { super(rows, columns, null); this.make = make; }
}

// ---- Where heads come from ------------------------------------------------------------------------------------------

/** Why there is nothing to show, in words for the reader. */
class Problem extends Error {}

/** Heads of a saved page: one is unpacked when it is asked for. */
class PageSource {
  constructor(root) { this.root = root; }

  find(name) { return this.root.querySelector(`script[data-block="${name}"]`); }

  /** A block of the page; it may still be on its way, and is complete when something follows it. */
  async block(name, read = (text) => inflate(fromBase64(text))) {
    for (;;) {
      const el = this.find(name);
      if (el && (el.nextElementSibling || document.readyState !== "loading")) return read(el.textContent.trim());
      if (document.readyState !== "loading") return null;
      await new Promise((done) => setTimeout(done, 30));
    }
  }

  /** The page in a notebook's output has no layers, but what was shown when it was saved, each under its name. */
  kept(key) { return Boolean(this.find(`kept ${key}`)); }

  async whole(data, name) {
    const bytes = await this.block(name);
    return bytes && new Matrix(data.rows.length, data.columns.length, decodeHead(bytes, data.rows.length, data.columns.length));
  }

  /** The weights that go by a name: see load() of the explorer. */
  matrix(data, key, what, progress) {
    if (this.kept(key)) return this.whole(data, `kept ${key}`);
    if (what.source === "rollout") return this.whole(data, `${data.id}.rollout`);
    return what.source === "head" ? this.one(data, what.layer, what.head) : this.mean(data, what.set, progress);
  }

  async one(data, layer, head) {
    const found = await this.head(data, layer, head);
    return found && new Matrix(data.rows.length, data.columns.length, found);
  }

  /** A layer's block has its heads one after the other; "~" stands before those that share the keys of the head before. */
  async head(data, layer, head) {
    const all = await this.block(`${data.id}.layer.${layer}`, (text) => text.split(" ")), text = all?.[head];
    if (!text) return null;
    const decode = async (part, keys) => decodeHead(await inflate(fromBase64(part.replace("~", ""))), data.rows.length, data.columns.length, keys);
    const own = all.findLastIndex((one, i) => i <= head && one[0] !== "~");
    return decode(text, own < head ? await decode(all[own], null) : null);
  }

  async mean(data, set, progress) {
    const [rows, columns] = [data.rows.length, data.columns.length];
    const sum = range(rows).map(() => new Float32Array(columns));
    for (const [n, [layer, head]] of set.entries()) {
      const matrix = await this.one(data, layer, head);
      if (!matrix) return null;
      for (let i = 0; i < rows; i++) {
        const row = matrix.make(i);
        for (let j = 0; j < columns; j++) sum[i][j] += row[j] / set.length;
      }
      if (!progress((n + 1) / set.length)) return null;
      await pause();
    }
    return new Given(rows, columns, (i) => sum[i]);
  }
}

const PATIENCE = 15_000; // milliseconds until a kernel that does not answer is called silent
const SILENT = "The kernel has not answered for 15 seconds. It is busy, or was restarted: then run the cell again.";
const unasked = (error) => `The kernel cannot be asked (${error.message}). Run the cell again.`;

/** Heads of a live notebook: asked of the kernel by message, answered with bytes. */
class LiveSource {
  /** `late` is called when an answer came after all: it is kept for who asks again. */
  constructor(model, signal, late) {
    Object.assign(this, { model, late, waiting: new Map(), answers: new Map(), next: 1 });
    const receive = (message, buffers) => {
      const wait = this.waiting.get(message?.id);
      this.waiting.delete(message?.id);
      wait?.(message.problem, buffers?.[0]);
    };
    model.on("msg:custom", receive);
    signal.addEventListener("abort", () => {
      model.off("msg:custom", receive);
      for (const { timer } of this.waiting.values()) clearTimeout(timer);
      this.waiting.clear();
    });
  }

  /** The bytes of an answer; fails with a Problem where there is none. */
  ask(message) {
    const id = `${this.next++}-${Math.random()}`, question = JSON.stringify(message), known = this.answers.get(question);
    if (known) { this.answers.delete(question); return Promise.resolve(known); }
    return new Promise((done, fail) => {
      let silent = false;
      const wait = (problem, raw) => {
        clearTimeout(wait.timer);
        if (problem || !raw) return fail(new Problem(problem ?? "The kernel's answer was empty. Run the cell again."));
        const bytes = new Uint8Array(raw.buffer ?? raw, raw.byteOffset ?? 0, raw.byteLength);
        if (!silent) return done(bytes);
        this.answers.set(question, bytes);
        return this.late();
      };
      wait.timer = setTimeout(() => { silent = true; fail(new Problem(SILENT)); }, PATIENCE);
      this.waiting.set(id, wait);
      try { this.model.send({ ...message, id }); } catch (error) { this.waiting.delete(id); wait(unasked(error)); }
    });
  }

  async block(name) {
    const bytes = this.model.get("blocks")?.[name];
    return bytes ? inflate(new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.byteLength)) : null;
  }

  kept() { return false; }

  async matrix(data, _key, { source, layer, head, set }) {
    const message = source === "head" ? { type: "head", layer, head } : source === "rollout" ? { type: "rollout" } : { type: "mean", heads: set };
    const bytes = await this.ask({ ...message, data: data.id });
    return Object.assign(new Matrix(data.rows.length, data.columns.length, decodeHead(bytes, data.rows.length, data.columns.length)), { bytes });
  }
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
/** Black or white, whichever can be read on a color: WCAG's contrast is then at least 4.5. */
function ink(color) {
  const [r, g, b] = [color, color >> 8, color >> 16].map((c) => { const x = (c & 255) / 255; return x <= 0.04045 ? x / 12.92 : ((x + 0.055) / 1.055) ** 2.4; });
  return 0.2126 * r + 0.7152 * g + 0.0722 * b > 0.179 ? "#000000" : "#ffffff";
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
      onclick: (event) => { const at = this.at(event); if (at) explorer.pin(at, this); },
      onkeydown: (event) => this.key(event),
      onwheel: (event) => {
        if (!event.ctrlKey && !event.metaKey) return;
        event.preventDefault();
        explorer.zoom(event.deltaY < 0 ? 1 : -1);
      },
    }, this.spacer);
    this.sizes = new ResizeObserver(() => this.layout());
    this.sizes.observe(this.el);
  }

  at(event) {
    const box = this.el.getBoundingClientRect();
    return this.part.hit(event.clientX - box.left, event.clientY - box.top, this.el.scrollLeft, this.el.scrollTop);
  }

  key(event) {
    const { explorer } = this;
    const point = explorer.pointed ?? { row: explorer.view.row, col: explorer.view.col };
    if (event.altKey || event.shiftKey) return;
    if (event.key === "Enter" || event.key === " ") {
      if (event.ctrlKey || event.metaKey) return; // Ctrl+Enter is the notebook's
      explorer.pin(point, this);
      event.preventDefault();
      return;
    }
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

  /** Draw what a frame of w × hh shows at x, y; `left` and `top` say where on the canvas the frame stands. */
  drawn(canvas, w, hh, x, y, ratio, left = 0, top = 0) {
    const ctx = canvas.getContext("2d");
    ctx.save();
    ctx.setTransform(ratio, 0, 0, ratio, left * ratio, top * ratio);
    ctx.beginPath();
    ctx.rect(0, 0, w, hh);
    ctx.clip();
    ctx.fillStyle = this.explorer.colors.back;
    ctx.fillRect(0, 0, w, hh);
    this.part.draw(ctx, { x, y, w, h: hh, fine: Math.min(1, ratio) });
    ctx.restore();
    this.explorer.legend();
  }
}

const FONT = (size, bold = false) => `${bold ? "600 " : ""}${size}px system-ui, "Segoe UI", "DejaVu Sans", sans-serif`;
const CELLS = [1 / 16, 1 / 12, 1 / 8, 1 / 6, 1 / 5, 1 / 4, 1 / 3, 1 / 2, 1, 2, 3, 4, 5, 6, 8, 10, 12, 14, 16, 18, 20, 22, 24, 26, 28, 32, 36, 40, 48];

/** The heat map: a row for each token that looks, a column for each that is looked at. */
class HeatMap {
  constructor(explorer, get) { Object.assign(this, { explorer, get }); }

  /** What is drawn now: {matrix, data, shown, difference, peak}. */
  size(width) {
    const { data, shown: { rowsAt, colsAt, key } } = this.get();
    if (this.measured !== key) {
      const ctx = h("canvas").getContext("2d");
      ctx.font = FONT(12);
      const widest = (tokens, at) => at.reduce((most, i) => Math.max(most, ctx.measureText(brief(tokens[i])).width), 20);
      Object.assign(this, { measured: key, rowWidth: widest(data.rows, rowsAt), colWidth: widest(data.columns, colsAt) });
    }
    const { rowWidth, colWidth } = this;
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

  draw(ctx, { x, y, w, h: high, fine = 1 }) {
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
    const known = matrix.pooled.size, pooled = matrix.pool(coarse, filter, () => this.explorer.looksAt(matrix));
    if (given && matrix.pooled.size > known) this.explorer.repaint(); // the pictures beside it share its scale
    const peak = Math.min(given?.() ?? pooled.peak, this.explorer.view.shade);
    this.peak = peak;
    const [a0, b0, a1, b1] = direct ? [i0, j0, i1, j1] : [Math.floor(i0 / step), Math.floor(j0 / step), Math.ceil(i1 / step), Math.ceil(j1 / step)];
    const image = new ImageData(b1 - b0, a1 - a0), pixels = new Uint32Array(image.data.buffer);
    const ramp = colors.ramps[difference ? "difference" : "weight"];
    const level = difference ? (v) => Math.round(127.5 + 127.5 * Math.sign(v) * Math.sqrt(Math.min(Math.abs(v) / peak, 1))) : (v) => Math.min(255, Math.round(255 * Math.sqrt(v / peak)));
    for (let a = a0, at = 0; a < a1; a++) {
      const row = direct ? matrix.row(rowsAt[a]) : null;
      for (let b = b0; b < b1; b++, at++) {
        const v = row ? row[colsAt[b]] : pooled.data[a * pooled.wide + b];
        pixels[at] = ramp[level(v)];
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
    if (cell * fine >= 10) this.grid(ctx, i0, i1, j0, j1, x, y);
    const over = (each) => this.over(matrix, filter, [i0, i1, j0, j1], x, y, peak / 400, (v, ...where) => { ctx.fillStyle = ctx.strokeStyle = ink(ramp[level(v)]); each(v, ...where); });
    if (cell >= 26 && cell * fine >= 13) this.numbers(ctx, over, difference);
    else if (difference && cell * fine >= 6) this.signs(ctx, over);
    ctx.strokeStyle = colors.line;
    ctx.strokeRect(left - x - 0.5, top - y - 0.5, colsAt.length * cell + 1, rowsAt.length * cell + 1);
    this.marks(ctx, x, y, rowsAt, colsAt);
    ctx.restore();
    this.labels(ctx, data, filter, [i0, i1, j0, j1], x, y, w, high);
  }

  grid(ctx, i0, i1, j0, j1, x, y) {
    ctx.fillStyle = this.explorer.colors.back;
    for (let i = i0; i <= i1; i++) ctx.fillRect(this.left, Math.round(this.top + i * this.cell - y), j1 * this.cell - x, 1);
    for (let j = j0; j <= j1; j++) ctx.fillRect(Math.round(this.left + j * this.cell - x), this.top, 1, i1 * this.cell - y);
  }

  /** Call something with each cell in sight that is not nearly empty, and with its middle. */
  over(matrix, { rowsAt, colsAt }, [i0, i1, j0, j1], x, y, least, each) {
    for (let i = i0; i < i1; i++) {
      const row = matrix.row(rowsAt[i]);
      for (let j = j0; j < j1; j++) {
        const v = row[colsAt[j]];
        if (Math.abs(v) > least) each(v, this.left + (j + 0.5) * this.cell - x, this.top + (i + 0.5) * this.cell - y);
      }
    }
  }

  numbers(ctx, over, difference) {
    ctx.font = FONT(10);
    ctx.textAlign = "center";
    ctx.textBaseline = "middle";
    over((v, x, y) => {
      if (Math.abs(v) < 0.005) return;
      const text = Math.abs(v) > 0.995 ? "1.0" : Math.abs(v).toFixed(2).slice(1);
      ctx.fillText((difference ? (v < 0 ? "−" : "+") : "") + text, x, y);
    });
  }

  /** Where a difference has no room for its number, a stroke says minus and a cross plus. */
  signs(ctx, over) {
    const half = Math.min(4, this.cell / 4);
    ctx.lineWidth = 1;
    over((v, x, y) => {
      ctx.beginPath();
      ctx.moveTo(x - half, y);
      ctx.lineTo(x + half, y);
      if (v > 0) { ctx.moveTo(x, y - half); ctx.lineTo(x, y + half); }
      ctx.stroke();
    });
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
      const pooled = matrix.pool(Math.max(1, Math.ceil(Math.max(rowsAt.length, colsAt.length) / 1024)), filter, () => this.explorer.looksAt(matrix));
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
  ["1 to %", "choose a view"], ["[ and ]", "layer before, layer after"], [", and .", "head before, head after"], ["t", "go to the tokens"],
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
    Object.assign(this, given, {
      signal, turn: 0, pointed: null, on: null, boards: [], cache: new Map(), problems: new Map(), matrix: null, second: null, tall: 600, id: `lcx${++serial}`,
    });
    this.view = Object.fromEntries(Object.entries(START).map(([name, first]) => [name, given.view?.[name] ?? first]));
    // An edited text brings a new explorer. It takes over the element, and in it what screen readers listen to.
    this.el = el.querySelector(":scope > .lcx") ?? h("section", { className: "lcx", "aria-label": "Attention explorer" }, h("div"), h("div", { className: "lcx-unseen", role: "status", "aria-live": "polite" }));
    [this.body, this.live] = this.el.children;
    delete this.el.dataset.ready;
    if (!this.el.parentElement) el.replaceChildren(this.el);
    this.el.addEventListener("keydown", (event) => this.key(event), { signal });
    const again = () => { if (!signal.aborted && this.el.isConnected) { this.recolor(); this.repaint(); } };
    const media = matchMedia("(prefers-color-scheme: dark)");
    media.addEventListener("change", again, { signal });
    const theme = new MutationObserver(() => requestAnimationFrame(again)); // JupyterLab names its theme on the body
    theme.observe(document.body, { attributes: true, attributeFilter: ["data-jp-theme-light", "data-jp-theme-name"] });
    const sizes = new ResizeObserver(again); // an element has no colors before it stands in the page
    sizes.observe(this.el);
    signal.addEventListener("abort", () => { theme.disconnect(); sizes.disconnect(); this.clear(); this.cache.clear(); });
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
    const place = (x, n) => clamp(Number.isInteger(x) ? x : 0, 0, n - 1);
    const token = (x, n) => (Number.isInteger(x) && x >= 0 && x < n ? x : null);
    const among = (x, some) => (some.includes(x) ? x : some[0]);
    view.side = place(view.side, spec.sides.length);
    view.tab = among(view.tab, this.tabs());
    const { data } = this, both = view.tab === "compare" ? [data, this.dataOf(1 - view.side)] : [data];
    const longest = (axis) => Math.max(...both.map((one) => one[axis].length)); // what only the second text has can be pinned, too
    view.kind = data.kind;
    view.layer = place(view.layer, data.layers);
    view.head = place(view.head, data.heads);
    view.layer2 = token(view.layer2, Infinity);
    view.head2 = token(view.head2, Infinity);
    view.row = token(view.row, longest("rows"));
    view.col = token(view.col, longest("columns"));
    view.measure = among(view.measure, data.measures);
    view.sort = among(view.sort, ["layer", "up", "down"]);
    view.from = among(view.from, ["all", 0, 1]);
    view.to = among(view.to, ["all", 0, 1]);
    view.special = view.special !== false;
    view.bySize = view.bySize === true;
    view.shade = view.shade > 0 && view.shade <= 1 ? view.shade : 1;
    view.zoom = Number.isInteger(view.zoom) ? clamp(view.zoom, -12, 24) : 0;
    view.set = Array.isArray(view.set) ? this.within(view.set, data) : range(data.heads).map((n) => [view.layer, n]);
    view.source = among(view.source, ["head", "average", "rollout"]);
    if (view.source === "rollout" && !this.rolls(data)) view.source = "head";
  }

  /** Those heads of a set that a model has. */
  within(set, data) { return set.filter((pair) => Array.isArray(pair) && [data.layers, data.heads].every((n, k) => Number.isInteger(pair[k]) && pair[k] >= 0 && pair[k] < n)); }

  rolls(data) { return data.rollout || this.source.kept(`${data.id} rollout`); }

  change(patch, rebuild = false) {
    const before = this.view.tab;
    Object.assign(this.view, patch);
    this.settle();
    this.changed = true;
    this.remember({ ...this.view }, true);
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

  /** The head that is looked at, of this side or of the other one, which may be set to another. */
  head(data) {
    const { view } = this, [layer, head] = data === this.data ? [] : [view.layer2, view.head2];
    return [data, clamp(layer ?? view.layer, 0, data.layers - 1), clamp(head ?? view.head, 0, data.heads - 1)];
  }

  /** What the view asks for, with the name by which it is kept and the words for it. */
  asks(data, layer, head) {
    const source = this.view.tab === "pair" ? "head" : this.view.source, set = this.within(this.view.set, data);
    if (source === "head") return { source, layer, head, key: `${data.id} head ${layer} ${head}`, name: `layer ${layer}, head ${head}` };
    if (source === "rollout") return { source, key: `${data.id} rollout`, name: "rollout over all layers" };
    return { source, set, key: `${data.id} mean ${set}`, name: `average of ${set.length} head${set.length === 1 ? "" : "s"}` };
  }

  /** The weights that the view asks for, named after it; null where there are none. The last few stay at hand. */
  load(data, layer, head) {
    const what = this.asks(data, layer, head), { key, name } = what;
    if (what.set?.length === 0) return Promise.resolve(null);
    if (!this.cache.has(key)) {
      if (this.cache.size >= 6) this.cache.delete(this.cache.keys().next().value);
      const asked = Promise.resolve(this.source.matrix(data, key, what, (share) => this.busy(`averaging: ${Math.round(100 * share)} %`)));
      const failed = (error) => {
        if (error instanceof Problem) this.problems.set(key, error.message);
        else console.error(error);
        return null;
      };
      this.problems.delete(key);
      this.cache.set(key, asked.catch(failed).then((found) => {
        if (!found) this.cache.delete(key);
        return found && Object.assign(found, { key, name, data });
      }));
    }
    return this.cache.get(key);
  }

  async refresh() {
    const turn = ++this.turn, { view, data } = this;
    for (const sync of this.syncs) sync();
    if (view.tab === "overview") this.clear();
    const other = view.tab === "compare" ? this.dataOf(1 - view.side) : null;
    const wanted = [data, ...(other ? [other] : [])].map((one) => this.head(one));
    if (this.matrix?.data !== data) this.matrix = null; // weights of another text are worse than none
    if (this.second?.data !== other) this.second = null;
    const found = await Promise.all(wanted.map((one) => this.load(...one)));
    if (turn !== this.turn || this.signal.aborted) return;
    [this.matrix, this.second = null] = found;
    this.remember({ ...view }, this.changed, found.filter(Boolean)); // now with the weights that go with it
    const gaps = wanted.filter((_, n) => !found[n]).map((one) => this.asks(...one));
    this.missing.hidden = !gaps.length || view.tab === "overview";
    this.missing.textContent = gaps.some((gap) => gap.set?.length === 0) ? "Choose the heads to average." : [...new Set(gaps.map((gap) => this.problems.get(gap.key) ?? MISSING))].join(" ");
    for (const board of this.boards) board.layout();
    if (this.fresh && (view.row !== null || view.col !== null)) this.boards[0]?.reveal({ row: view.row, col: view.col }, true);
    this.fresh = false;
    if (view.tab === "pair") this.pair();
    this.repaint();
    this.tell(this.sentence());
    if (!this.missing.hidden) this.live.textContent = this.missing.textContent;
    this.el.dataset.ready = String(turn);
  }

  repaint() {
    for (const board of this.boards) board.paint();
    this.shade();
    this.strongest();
  }

  /** Draw again what is being read in slices; whether anybody still looks at it. */
  looksAt(matrix) {
    const looked = !this.signal.aborted && [this.matrix, this.second, this.apart].includes(matrix);
    if (looked) this.repaint();
    return looked;
  }

  // -- pointing and pinning

  point(at, board = null, aloud = false) {
    if (at === null && this.pointed === null) return;
    if (at && this.pointed && board === this.on && at.row === this.pointed.row && at.col === this.pointed.col) return;
    Object.assign(this, { pointed: at, on: board });
    this.repaint();
    this.tell(this.sentence(), aloud);
  }

  pin({ row, col }, board = null) {
    const { view } = this;
    const same = view.row === row && view.col === (col ?? null);
    this.on = board;
    this.change(same ? { row: null, col: null } : { row: row ?? null, col: col ?? null });
    this.tell(same ? "Released." : `Pinned. ${this.sentence()}`, true);
  }

  /** What is under the pointer or pinned, in words; of the picture that is pointed at, else of the first. */
  sentence() {
    const { view } = this, { data, matrix, difference } = this.on ? this.on.part.get() : this.first();
    const at = this.pointed ?? view, has = (i, tokens) => (Number.isInteger(i) && i < tokens.length ? i : null);
    const [row, col] = [has(at.row, data.rows), has(at.col, data.columns)];
    const side = view.tab === "compare" && !difference ? `${this.spec.sides[data === this.data ? view.side : 1 - view.side].label}, ` : "";
    const where = side + (matrix?.name ?? this.asks(...this.head(data)).name);
    const token = (tokens, i) => `${said(tokens[i])} (${i})`;
    if (!matrix) return `${where}.`;
    if (row !== null && col !== null) {
      const w = matrix.row(row)[col], pair = `${token(data.rows, row)} looks at ${token(data.columns, col)} with weight`;
      if (!difference) return `${pair} ${percent(w)}; ${where}.`;
      return `${pair} ${percent(matrix.of.row(row)[col])} first, ${percent(matrix.and.row(row)[col])} second: difference ${signed(w)}; ${where}.`;
    }
    if (row !== null) {
      const top = matrix.strongest(row, this.shown(data).colsAt).map(([j, w]) => `${said(data.columns[j])} ${difference ? signed(w) : percent(w)}`).join(", ");
      return `${token(data.rows, row)} ${difference ? "differs most at" : "looks most at"} ${top}; ${where}.`;
    }
    if (col !== null) return `${token(data.columns, col)} as looked at; ${where}.`;
    return `${where}. Point at a token, or pin one with Enter.`;
  }

  first() { return { data: this.data, matrix: this.matrix }; }

  tell(text, aloud = false) {
    this.status.textContent = text[0].toUpperCase() + text.slice(1);
    if (aloud) this.live.textContent = text;
  }

  /** Say what takes time; whether anybody still waits for it. */
  busy(text) {
    if (!this.signal.aborted) this.status.textContent = text;
    return !this.signal.aborted;
  }

  zoom(by) { this.change({ zoom: by ? clamp(this.view.zoom + by, -12, 24) : 0 }); }

  key(event) {
    const plain = !(event.altKey || event.ctrlKey || event.metaKey);
    // A notebook would take letters, arrows and Enter for its own commands. What it is to hear: Ctrl+S, Shift+Enter, F1.
    if (plain && event.key !== "Tab" && !(event.key === "Enter" && event.shiftKey) && !/^F\d/.test(event.key)) event.stopPropagation();
    if (!plain || this.help.open || (/^(INPUT|TEXTAREA|SELECT)$/.test(event.target.tagName) && event.target.type !== "checkbox")) return;
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
    const focused = focusOf(this.el);
    this.settle();
    const { spec, data, view } = this;
    this.syncs = [];
    this.strips = [];
    this.status = h("div", { className: "lcx-status" });
    this.missing = h("p", { className: "lcx-missing", hidden: true });
    this.main = h("div", { className: "lcx-panel", role: "tabpanel", id: `${this.id}-panel`, tabIndex: -1 });
    this.help = this.helpBox();
    this.tabList = h("div", { className: "lcx-tabs", role: "tablist", "aria-label": "View" }, this.tabs().map((name) => this.tab(name)));
    const choose = (label, options, get, set) => this.choice(label, options, get, set);
    const size = `${data.layers} layers × ${data.heads} heads · ${data.rows.length === data.columns.length ? data.rows.length : `${data.rows.length} × ${data.columns.length}`} tokens`;
    const title = h("div", { className: "lcx-title" }, h("strong", { dir: "auto" }, spec.sides[view.side].label), h("span", {}, size));
    const kinds = spec.sides[view.side].kinds.map((one) => one.kind);
    this.body.replaceChildren(
      h("header", { className: "lcx-head" }, title,
        spec.sides.length > 1 && choose("Side", spec.sides.map((side, i) => [i, `${i + 1}: ${side.label}`]), () => view.side, (side) => this.change({ side: Number(side), row: null, col: null }, true)),
        kinds.length > 1 ? choose("Attention", kinds.map((kind) => [kind, { encoder: "encoder self", decoder: "decoder self", cross: "cross" }[kind] ?? kind]), () => view.kind, (kind) => this.change({ kind, row: null, col: null, set: null }, true)) : h("span", { className: "lcx-quiet" }, `${data.kind} self-attention`.replace("cross self-", "cross-")),
        h("button", { type: "button", className: "lcx-icon", "aria-label": "Keyboard shortcuts", title: "Keyboard shortcuts (?)", onclick: () => this.help.showModal() }, "?")),
      this.rerun ? this.form() : "",
      this.tabList, this.controls(), this.strip("row"), this.strip("col"), this.main, h("footer", { className: "lcx-foot" }, this.status, this.key0 = h("div", { className: "lcx-legend" })), this.help);
    this.legendText = null;
    this.recolor();
    this.panel();
    this.refresh();
    refocus(this.el, focused);
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
    const select = h("select", { "aria-label": label, onchange: () => set(select.value) }, options.map(([value, text, disabled]) => h("option", { value: String(value), disabled }, text)));
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
    const sources = [["head", "one head"], ["average", "average of heads"], ["rollout", this.rolls(data) ? "rollout" : `rollout (${data.noRollout})`, !this.rolls(data)]];
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
      this.choice("Order", [["layer", "by layer"], ["down", "highest first"], ["up", "lowest first"]], () => view.sort, (sort) => { this.change({ sort }); this.panel(); }, () => view.tab === "overview" && data.measures.length > 0),
      data.measures.length > 0 && this.choice("Measure", data.measures.map(name), () => view.measure, (measure) => { this.change({ measure }); this.panel(); }, is("overview")),
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
    // The button keeps the focus: it only says that it waits. An answer brings a new explorer, also a late one.
    const wait = (on) => { go.setAttribute("aria-disabled", on); go.textContent = on ? "Running…" : "Run again"; };
    const stop = (words) => { wait(false); problem.textContent = words; };
    return h("form", { className: "lcx-form", onsubmit: (event) => {
      event.preventDefault();
      if (go.getAttribute("aria-disabled") === "true") return;
      wait(true);
      problem.textContent = "";
      const timer = setTimeout(stop, PATIENCE, SILENT);
      this.signal.addEventListener("abort", () => clearTimeout(timer), { once: true });
      try { this.rerun(text.value, pair?.value ?? null); } catch (error) { clearTimeout(timer); stop(unasked(error)); }
    } }, text, pair, go, problem);
  }

  helpBox() {
    const box = h("dialog", { className: "lcx-help", "aria-label": "Keyboard shortcuts", onclick: (event) => event.target === box && box.close() },
      h("h3", {}, "Keyboard"), h("dl", {}, KEYS.map(([key, what]) => [h("dt", {}, key.replace("%", this.tabs().length)), h("dd", {}, what)])),
      h("p", {}, "Rows are tokens that look (queries), columns tokens that are looked at (keys). Each row of weights sums to 1. Shades follow the square root of the weight, up to the largest one shown."),
      h("button", { type: "button", onclick: () => box.close() }, "Close"));
    return box;
  }

  /** The tokens as a list: one is in the tab order, arrows move, Enter pins. Shades and bars show the chosen row. */
  strip(axis) {
    const { data } = this, rows = axis === "row", tokens = rows ? data.rows : data.columns;
    const [special, segments] = rows ? [data.rowSpecial, data.rowSegments] : [data.special, data.segments];
    const unseen = (i) => { // what the style says, for those who hear the page
      const words = [special[i] && "special token", segments[i] && "text B", data.kind !== "cross" && i >= data.written && "generated"].filter(Boolean);
      return words.length > 0 && h("span", { className: "lcx-unseen" }, `, ${words.join(", ")}`);
    };
    const items = tokens.map((token, i) => h("span", { role: "option", tabIndex: i === 0 ? 0 : -1, "data-at": i, className: special[i] ? "lcx-special" : segments[i] ? "lcx-b" : "", "aria-selected": "false" }, h("bdi", {}, shown(token)), unseen(i)));
    if (rows && data.written < tokens.length) items[data.written].classList.add("lcx-written");
    const index = (event) => { const item = event.target.closest("[data-at]"); return item ? Number(item.dataset.at) : null; };
    const spot = (i) => (rows ? { row: i, col: null } : { row: this.view.row, col: i });
    const focus = (i) => { rove(list, items[i]); items[i].focus(); };
    const list = h("div", {
      className: "lcx-tokens", role: "listbox", "aria-orientation": "horizontal", "aria-label": rows ? "Tokens that look (queries)" : "Tokens that are looked at (keys)",
      onpointerover: (event) => { const i = index(event); if (i !== null) this.point(spot(i)); },
      onpointerleave: () => this.point(null),
      onclick: (event) => { const i = index(event); if (i !== null) { focus(i); this.choose(axis, i); } },
      onfocusin: (event) => { const i = index(event); if (i !== null) this.point(spot(i), null, true); },
      onfocusout: () => this.point(null),
      onkeydown: (event) => {
        const i = index(event);
        if (i === null || event.ctrlKey || event.metaKey || event.altKey || event.shiftKey) return;
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
    const active = pointed?.row ?? view.row, weights = matrix && Number.isInteger(active) && active < data.rows.length ? matrix.row(active) : null;
    const peak = weights ? weights.reduce((a, b) => Math.max(a, b), 1e-9) : 1;
    for (const { axis, items } of this.strips) {
      const carries = data.kind === "cross" || view.tab === "pair" ? axis === "col" : axis === "row"; // where weights are shown
      const hot = axis === "row" ? active : pointed?.col ?? view.col;
      items.forEach((item, i) => { // of hundreds of tokens few change
        const share = carries && weights ? Math.round(100 * Math.sqrt(weights[i] / peak)) : 0, pinned = view[axis] === i;
        if ((item.share ?? 0) !== share) { item.share = share; item.style.setProperty("--w", share / 100); }
        if (Boolean(item.pinned) !== pinned) { item.pinned = pinned; item.setAttribute("aria-selected", pinned); }
        if (Boolean(item.hot) !== (i === hot)) { item.hot = i === hot; item.classList.toggle("lcx-active", item.hot); }
      });
    }
  }

  // -- the views

  panel() {
    const { view } = this;
    this.clear();
    this.main.replaceChildren(this.missing);
    this.aside = h("aside", { className: "lcx-aside" });
    if (view.tab !== "overview" && view.tab !== "pair" && view.source === "average") this.aside.append(this.chooser());
    if (view.tab === "overview") this.overview();
    else if (view.tab === "pair") this.main.append(this.pairBox = h("div", { className: "lcx-pair" }));
    else if (view.tab === "compare") { this.main.append(this.aside); this.compare(); }
    else {
      const get = () => ({ ...this.first(), shown: this.shown(this.data) });
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

  clear() {
    for (const board of this.boards) board.sizes.disconnect();
    Object.assign(this, { boards: [], on: null, pointed: null });
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
    // A head that sees nothing of what is measured has no number: it gets no bar, and comes last.
    const value = (n) => (base < 0 ? NaN : values[base + n]), most = Math.max(...range(all).map(value).filter(Number.isFinite), 1e-9);
    const order = range(all), gap = (n) => Number(!Number.isFinite(value(n)));
    if (view.sort !== "layer" && base >= 0) order.sort((a, b) => gap(a) - gap(b) || (gap(a) ? 0 : view.sort === "up" ? value(a) - value(b) : value(b) - value(a)));
    const edge = data.heads <= 4 ? 132 : data.heads <= 8 ? 96 : 64;
    const drawn = [];
    const cell = (n) => {
      const [layer, head] = [Math.floor(n / data.heads), n % data.heads];
      const canvas = h("canvas", { width: wide, height: high, "aria-hidden": "true" });
      drawn.push([canvas, n]);
      const number = Number.isFinite(value(n)) ? value(n).toFixed(2) : "–";
      return h("div", { role: "gridcell" }, h("button", {
        type: "button", tabIndex: -1, "data-n": n, className: "lcx-thumb", "aria-label": `Layer ${layer}, head ${head}${base < 0 ? "" : `: ${view.measure} ${number}`}`,
        onclick: () => { this.change({ tab: "map", source: "head", layer, head }, view.source !== "head"); this.boards[0].el.focus({ preventScroll: true }); },
      }, canvas, h("span", { className: "lcx-measure", "aria-hidden": "true" }, h("i", { style: `width:${gap(n) ? 0 : (100 * Math.max(0, value(n))) / most}%` })), h("span", {}, `${layer} · ${head}`), h("span", { className: "lcx-quiet" }, number)));
    };
    const rows = range(Math.ceil(all / data.heads)).map((r) => h("div", { role: "row", className: "lcx-row" },
      h("span", { role: "rowheader", className: "lcx-quiet" }, view.sort === "layer" ? `layer ${r}` : `${r * data.heads + 1}–${Math.min(all, (r + 1) * data.heads)}`), order.slice(r * data.heads, (r + 1) * data.heads).map(cell)));
    const grid = h("div", { className: "lcx-grid", role: "grid", "aria-label": base < 0 ? "All heads" : `All heads, ${view.measure} below each`, style: `--edge:${edge}px`, onkeydown: (event) => {
      const cells = [...grid.querySelectorAll("button")], i = cells.indexOf(document.activeElement);
      const by = { ArrowRight: 1, ArrowLeft: -1, ArrowDown: data.heads, ArrowUp: -data.heads, Home: -1e9, End: 1e9 }[event.key];
      if (i < 0 || !by || event.altKey) return;
      event.preventDefault();
      const next = Math.abs(by) > 1e6 ? clamp(i + by, 0, all - 1) : i + by;
      if (!cells[next]) return;
      rove(grid, cells[next]);
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
    }, onfocusin: (event) => event.target.matches("input,button") && rove(table, event.target) }, h("tr", {}, h("th", {}, group("all", "All heads", everything)), range(data.heads).map((n) => h("th", {}, group(String(n), `Head ${n} of every layer`, column(n))))),
    range(data.layers).map((l) => h("tr", {}, h("th", {}, group(`layer ${l}`, `Every head of layer ${l}`, layer(l))), range(data.heads).map((n) => h("td", {}, box(l, n))))));
    for (const one of table.querySelectorAll("input,button")) one.tabIndex = -1;
    rove(table, table.querySelector("button")); // one stop for Tab, however many heads there are
    return h("details", { className: "lcx-chooser", open: true }, h("summary", {}, "Heads that are averaged"), table);
  }

  compare() {
    const [a, b] = [this.data, this.dataOf(1 - this.view.side)];
    const fits = a.rows.length === b.rows.length && a.columns.length === b.columns.length;
    const one = (data, get) => () => ({ data, matrix: get(), shown: this.shown(data) });
    const peak = () => Math.max(...this.boards.slice(0, 2).map((board) => board.part.get().matrix?.pooled.values().next().value?.peak ?? 0), 1e-9);
    const parts = [[this.spec.sides[this.view.side].label, one(a, () => this.matrix)], [this.spec.sides[1 - this.view.side].label, one(b, () => this.second)]].map(([label, get]) => [label, () => ({ ...get(), peak })]);
    if (fits) parts.push(["Difference: first − second", () => ({ data: a, shown: this.shown(a), difference: true, matrix: this.difference() })]);
    const all = h("div", { className: "lcx-compare" }, parts.map(([label, get]) => { const box = h("figure", {}, h("figcaption", { dir: "auto" }, label)); this.add(new HeatMap(this, get), `Heat map, ${label}`, box).title = label; return box; }),
      fits ? "" : h("p", { className: "lcx-quiet" }, "The texts have different numbers of tokens, so there is no difference to show."));
    this.main.append(all);
  }

  difference() {
    const { matrix, second } = this;
    if (!matrix || !second) return null;
    if (this.apart?.of !== matrix || this.apart.and !== second) {
      this.apart = new Given(matrix.rows, matrix.columns, (i) => { const other = second.row(i); return matrix.row(i).map((w, j) => w - other[j]); });
      Object.assign(this.apart, { of: matrix, and: second, name: matrix.name === second.name ? matrix.name : `${matrix.name} less ${second.name}` });
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
    const plus = (x) => (x < 0 ? "−" : "+") + Math.abs(x).toFixed(2), most = Math.max(...products.map(Math.abs), 1e-9);
    const bias = head.shift ? head.shift[j - i + data.rows.length - 1] : 0;
    const hidden = head.bias === BIAS.causal && j > i + data.columns.length - data.rows.length ? "masked: a later token, weight 0" : bias < -3e4 ? "masked, weight 0" : null;
    const [w, high] = [860, 150], wide = w / head.d;
    const bars = order.map((n, at) => {
      const tall = (Math.abs(products[n]) / most) * (high / 2 - 4), up = products[n] >= 0;
      return svg("rect", { x: at * wide + wide * 0.12, width: wide * 0.76, y: up ? high / 2 - tall : high / 2, height: Math.max(tall, 0.5), class: up ? "lcx-plus" : "lcx-minus" }, svg("title", {}, `dimension ${n}: ${q[n].toFixed(2)} × ${k[n].toFixed(2)} × ${head.scale.toFixed(3)} = ${plus(products[n])}`));
    });
    const names = order.filter((_, at) => head.d <= 40 || at % 4 === 0).map((n) => { const at = order.indexOf(n); return svg("text", { x: (at + 0.5) * wide, y: high + 12, "text-anchor": "middle" }, String(n)); });
    const picture = svg("svg", { viewBox: `0 0 ${w} ${high + 18}`, role: "img", "aria-label": `Products of query and key, dimension by dimension; they sum to ${total.toFixed(2)}` }, svg("line", { x1: 0, x2: w, y1: high / 2, y2: high / 2 }), ...bars, ...names);
    box.replaceChildren(
      h("p", { className: "lcx-sum" }, h("span", {}, `${a} (${i}) → ${b} (${j})`), h("span", {}, hidden ?? `score ${plus(total)}${bias ? `, position ${plus(bias)}` : ""}`), h("strong", {}, `weight ${percent(matrix.row(i)[j])}`)),
      h("p", { className: "lcx-quiet" }, `Each bar is query × key × ${head.scale.toFixed(3)} in one of ${head.d} dimensions: up adds to the score, down takes away. The softmax of a row's scores gives its weights.`),
      picture,
      h("table", {}, h("caption", {}, "The largest products"), h("tr", {}, ["dimension", "query", "key", "product"].map((name) => h("th", { scope: "col" }, name))), top.map((n) => h("tr", {}, h("th", { scope: "row" }, String(n)), [q[n], k[n], products[n]].map((x) => h("td", {}, plus(x)))))));
  }

  // -- colors and pictures

  recolor() {
    const style = getComputedStyle(this.el), read = (name) => style.getPropertyValue(name).trim();
    const [r, g, b] = (style.backgroundColor.match(/[\d.]+/g) ?? [255, 255, 255]).map(Number);
    const dark = 0.3 * r + 0.6 * g + 0.1 * b < 110, before = this.colors;
    this.el.classList.toggle("lcx-dark", dark);
    const late = getComputedStyle(this.el);
    this.colors = { dark, ramps: RAMPS[dark ? "dark" : "light"], back: late.backgroundColor, front: late.color };
    for (const name of ["ink", "quiet", "soft", "line", "accent"]) this.colors[name] = read(`--lcx-${name}`) || late.color;
    if (this.view.tab === "overview" && before?.dark !== dark) this.thumbs?.();
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

  /** All pictures of the view, as large as they are, side by side under their names. */
  async save() {
    const { boards } = this, space = 20, named = boards.length > 1 ? 28 : 0;
    const sizes = boards.map((board) => board.part.size(board.el.clientWidth));
    const w = sizes.reduce((sum, [wide]) => sum + wide + space, -space), hh = Math.max(...sizes.map(([, high]) => high)) + named;
    const ratio = Math.min(2, 16000 / w, 16000 / hh, Math.sqrt(4e7 / (w * hh))); // browsers draw no larger pictures
    const canvas = h("canvas", { width: Math.max(1, Math.floor(w * ratio)), height: Math.max(1, Math.floor(hh * ratio)) }), ctx = canvas.getContext("2d");
    const draw = () => {
      ctx.fillStyle = this.colors.back;
      ctx.fillRect(0, 0, canvas.width, canvas.height);
      boards.reduce((x, board, n) => {
        board.drawn(canvas, ...sizes[n], 0, 0, ratio, x, named);
        ctx.fillStyle = this.colors.front;
        ctx.font = FONT(14 * ratio, true);
        ctx.textBaseline = "middle";
        if (named) ctx.fillText(board.title, (x + 4) * ratio, 14 * ratio, sizes[n][0] * ratio);
        return x + sizes[n][0] + space;
      }, 0);
    };
    draw();
    const waits = () => boards.some((board) => [...(board.part.get().matrix?.pooled.values() ?? [])].some((one) => !one.ready));
    if (waits()) { // a long text is read in slices: the picture is to show all of it
      while (waits() && !this.signal.aborted && this.boards === boards) await new Promise((done) => setTimeout(done, 50));
      draw();
    }
    this.repaint();
    const name = `${this.view.tab === "compare" ? "compare " : ""}${this.matrix?.name ?? ""}`.replace(/[^a-z0-9]+/g, "-");
    canvas.toBlob((blob) => {
      const url = URL.createObjectURL(blob);
      h("a", { href: url, download: `attention-${name}.png` }).click();
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

/** An output as it is written to the file: without the widget, its page at the view and with the weights that belong to it. */
function withView(output, { view, kept }) {
  const { [WIDGET_VIEW]: _, ...data } = output.data;
  const text = JSON.stringify(view ?? {}).replace(/[<>&']/g, (c) => `\\u${c.charCodeAt(0).toString(16).padStart(4, "0")}`);
  let html = [data["text/html"]].flat().join("").replace(/(data-block="spec">\{"view":)\{[^{}]*\}/, (_all, before) => before + text);
  for (const [key, bytes] of /data-block="kept \d/.test(html) ? kept : []) { // only a page that lacks most heads has such blocks
    const block = `data-block="kept ${key}">`, tag = "script"; // its name in full would count as one where this stands in a page
    if (!html.includes(block)) html = html.replace(/<\/body>/, (end) => `<${tag} type="application/octet-stream" ${block}${bytes}</${tag}>\n${end}`);
  }
  return { ...output, data: { ...data, "text/html": html } };
}

/**
 * The notebook cell that shows a widget, as a place to keep its view; in JupyterLab only, elsewhere it keeps nothing.
 *
 * The view goes into the cell's metadata, which a new run of the cell reads. And when the notebook is saved, the output
 * is written without the widget, whose state dies with the kernel, and with the view inside the static page: whoever
 * opens the notebook later sees the page as it was left, not a message that a model was not found.
 */
const wrapped = new WeakMap(); // a cell's shared model to what is kept, by the key of its widget

function cellOf(model, key) {
  const cells = model.widget_manager?.context?.model?.cells ?? [];
  const ours = (output) => output.data?.[WIDGET_VIEW]?.explorer === key;
  for (const cell of cells) {
    const shared = cell.sharedModel;
    if (cell.type !== "code" || typeof shared?.toJSON !== "function" || !shared.getOutputs?.().some(ours)) continue;
    let held = wrapped.get(shared);
    if (!held) {
      const plain = shared.toJSON;
      wrapped.set(shared, held = new Map());
      shared.toJSON = function () {
        const saved = plain.call(this), state = (output) => held.get(output.data?.[WIDGET_VIEW]?.explorer);
        return { ...saved, outputs: saved.outputs.map((output) => (state(output) ? withView(output, state(output)) : output)) };
      };
    }
    // Two views of one widget (a second window on the notebook) share what is kept; the last that leaves cleans up.
    const state = held.get(key) ?? { view: cell.getMetadata("llm_course_view"), kept: [], views: 0 };
    held.set(key, state).get(key).views++;
    return {
      state,
      keep: (view) => { state.view = view; cell.setMetadata("llm_course_view", view); },
      leave: () => {
        if (--state.views) return;
        held.delete(key);
        if (!held.size) { delete shared.toJSON; wrapped.delete(shared); }
      },
    };
  }
  return nowhere();
}

/** A place that keeps nothing: other front ends than JupyterLab. */
function nowhere() { return { state: { view: null }, keep() {}, leave() {} }; }

/** In a notebook: the widget's model carries the specification, the first blocks and the view. */
function render({ model, el }) {
  let stop = null, cell = nowhere();
  try { cell = cellOf(model, model.get("key")); } catch (error) { console.warn("The view will not be kept in the notebook:", error); }
  const start = () => {
    const focused = focusOf(el), again = stop !== null;
    stop?.abort();
    stop = new AbortController();
    const spec = complete(structuredClone(model.get("spec")));
    let timer = null, told = null;
    const keep = async (view, changed, matrices = []) => {
      if (changed && JSON.stringify(view) !== told) { // said once: a notebook that was saved stays saved
        told = JSON.stringify(view);
        model.set("view", view);
        model.save_changes();
        cell.keep(view);
      }
      if (spec.turn) return; // the page in the output is that of the text before the edit
      const some = matrices.filter(({ bytes }) => bytes?.length < 2e6); // larger ones would make the notebook too large
      cell.state.kept = await Promise.all(some.map(async ({ key, bytes }) => [key, await packed(bytes)]));
    };
    const remember = (...now) => { clearTimeout(timer); timer = setTimeout(keep, 200, ...now); };
    const rerun = spec.rerun ? (text, pair) => model.send({ type: "rerun", text, pair }) : null;
    const given = model.get("view");
    const view = Object.keys(given ?? {}).length ? given : cell.state.view ?? {};
    const source = new LiveSource(model, stop.signal, () => el.lcx.refresh());
    el.lcx = new Explorer(el, { spec, source, view, remember, rerun }, stop.signal);
    refocus(el, focused);
    if (again && !spec.problem) el.lcx.live.textContent = `Read again: ${el.lcx.data.rows.length} tokens.`;
  };
  start();
  model.on("change:spec", start);
  return () => { model.off("change:spec", start); stop.abort(); cell.leave(); el.replaceChildren(); };
}

/** In a page: everything is in its script blocks, and the view is kept in the address. */
function startPage(root) {
  const spec = complete(JSON.parse(root.querySelector("script[data-block=spec]").textContent));
  let view = spec.view ?? {};
  try { view = { ...view, ...JSON.parse(decodeURIComponent(location.hash.slice(1)) || "{}") }; } catch { /* an address that was not ours */ }
  let timer = null;
  const keep = (now) => { try { history.replaceState(null, "", `#${encodeURIComponent(JSON.stringify(now))}`); } catch { /* inside a notebook's output there is no address */ } };
  const remember = (now, changed) => { if (!changed) return; clearTimeout(timer); timer = setTimeout(keep, 150, now); };
  const el = root.querySelector("[data-explorer]");
  el.lcx = new Explorer(el, { spec, source: new PageSource(root), view, remember, rerun: null }, new AbortController().signal);
  // The page is nothing but the explorer: keys work before anything in it has the focus.
  document.addEventListener("keydown", (event) => { if (event.target === document.body) el.lcx.key(event); });
}

export default { render, startPage };
