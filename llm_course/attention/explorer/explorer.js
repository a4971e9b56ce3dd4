/**
 * The explorer itself: it holds what is shown, asks for weights, and tells its parts when to draw.
 *
 * Knows nothing about models, nor whether it stands in a notebook or in a page of its own.
 */

import { themeOf, watchTheme } from "./colors.js";
import { controls } from "./controls.js";
import { focusOf, make, refocus } from "./dom.js";
import { header, TabList, textForm } from "./header.js";
import { helpBox, pressed } from "./keyboard.js";
import { Legend } from "./legend.js";
import { Difference } from "./matrix.js";
import { clamp } from "./numbers.js";
import { ComparePanel } from "./panels/compare.js";
import { OnePicturePanel } from "./panels/one_picture.js";
import { OverviewPanel } from "./panels/overview.js";
import { PairPanel } from "./panels/pair.js";
import { savePicture } from "./picture.js";
import { sentence } from "./sentence.js";
import { TokenStrip } from "./token_strip.js";
import { attentionOf, filterOf, questionOf, settle, tabsOf, viewFrom, zoomed } from "./view_state.js";
import { Weights } from "./weights.js";

/** @import { Board } from "./board.js" */
/** @import { Matrix } from "./matrix.js" */
/** @import { Panel } from "./panels/panel.js" */
/** @import { Attention, Filter, Point, Remember, Rerun, Source, Spec, View } from "./types.d.ts" */

const PANELS = {
  overview: OverviewPanel,
  map: OnePicturePanel,
  lines: OnePicturePanel,
  pair: PairPanel,
  compare: ComparePanel,
};
const MAX_HEIGHT = 600; // of a board
let explorersMade = 0;

export class Explorer {
  /**
   * @param {HTMLElement} host
   * @param {{spec: Spec, source: Source, view: Partial<View>, remember: Remember, rerun: Rerun | null}} given
   * @param {AbortSignal} signal ends it
   */
  constructor(host, { spec, source, view, remember, rerun }, signal) {
    this.spec = spec;
    this.source = source;
    this.view = viewFrom(view);
    this.remember = remember;
    this.rerun = rerun;
    this.signal = signal;
    this.weights = new Weights(source, (text) => this.busy(text));
    this.maxHeight = MAX_HEIGHT;
    this.id = `lcx${++explorersMade}`;
    this.turn = 0; // how often weights were asked for
    this.changed = false; // whether by the reader
    /** What is pointed at, and where. @type {Point | null} */
    this.pointed = null;
    /** @type {Board | null} */
    this.pointedBoard = null;
    /** The weights that are shown, of both sides. @type {Matrix | null} */
    this.matrix = null;
    /** @type {Matrix | null} */
    this.second = null;
    /** @type {Difference | null} */
    this.lastDifference = null;
    /** @type {Map<string, Filter>} */
    this.filters = new Map();
    /** @type {Panel | null} */
    this.panel = null;
    this.takeOver(host);
    this.el.addEventListener("keydown", (event) => pressed(this, event), { signal });
    watchTheme(this.el, signal, () => {
      this.recolor();
      this.repaint();
    });
    signal.addEventListener("abort", () => {
      this.panel.leave();
      this.weights.cache.clear();
    });
    this.build();
  }

  /** An edited text brings a new explorer. It takes over the element, and in it what screen readers listen to. */
  takeOver(host) {
    this.el =
      host.querySelector(":scope > .lcx") ??
      make(
        "section",
        { className: "lcx", "aria-label": "Attention explorer" },
        make("div"),
        make("div", { className: "lcx-unseen", role: "status", "aria-live": "polite" }),
      );
    const [body, live] = /** @type {any} */ (this.el.children);
    this.body = body;
    this.live = live;
    delete this.el.dataset.ready;
    if (!this.el.parentElement) host.replaceChildren(this.el);
  }

  // ---- what is shown

  get data() {
    return this.dataOf(this.view.side);
  }

  /** @param {number} side @returns {Attention} */
  dataOf(side) {
    return attentionOf(this.spec, this.view, side);
  }

  get boards() {
    return this.panel?.boards ?? [];
  }

  /** What the first picture shows. */
  content() {
    return { data: this.data, matrix: this.matrix, difference: false };
  }

  /** Which rows and columns are shown. @param {Attention} data */
  filter(data) {
    let found = this.filters.get(data.id);
    if (!found) {
      found = filterOf(data, this.view);
      this.filters.set(data.id, found);
    }
    return found;
  }

  hasRollout(data) {
    return data.rollout || this.source.kept(`${data.id} rollout`);
  }

  settle() {
    settle(this.view, this.spec, (data) => this.hasRollout(data));
    this.filters.clear();
  }

  /** Show something else. @param {Partial<View>} patch @param {boolean} rebuild whether the controls are others, too */
  change(patch, rebuild = false) {
    const before = this.view.tab;
    Object.assign(this.view, patch);
    this.settle();
    this.changed = true;
    this.remember({ ...this.view }, true);
    if (rebuild) this.build();
    else {
      if (before !== this.view.tab) this.showPanel();
      this.refresh();
    }
  }

  zoom(by) {
    this.change({ zoom: by ? zoomed(this.view.zoom, by) : 0 });
  }

  // ---- weights

  /** What the view asks of a side; the other side may be set to another head. @param {Attention} data */
  question(data) {
    const { view } = this;
    const [layer, head] = data === this.data ? [] : [view.layer2, view.head2];
    const within = (x, n) => clamp(x, 0, n - 1);
    return questionOf(view, data, within(layer ?? view.layer, data.layers), within(head ?? view.head, data.heads));
  }

  /** The weights that the view would ask for at this head. @param {Attention} data */
  load(data, layer, head) {
    return this.weights.load(data, questionOf(this.view, data, layer, head));
  }

  /** Ask for the weights, and draw them once they are there. */
  async refresh() {
    const turn = ++this.turn;
    const { view, data } = this;
    for (const update of this.updates) update();
    if (view.tab === "overview") this.unpoint();
    const other = view.tab === "compare" ? this.dataOf(1 - view.side) : null;
    const sides = other ? [data, other] : [data];
    const questions = sides.map((one) => this.question(one));
    if (this.matrix?.data !== data) this.matrix = null; // weights of another text are worse than none
    if (this.second?.data !== other) this.second = null;
    const found = await Promise.all(sides.map((one, n) => this.weights.load(one, questions[n])));
    if (turn !== this.turn || this.signal.aborted) return;
    [this.matrix, this.second = null] = found;
    this.remember({ ...view }, this.changed, found.filter(Boolean)); // now with the weights that go with it
    const gaps = questions.filter((_, n) => !found[n]);
    this.missing.hidden = !gaps.length || view.tab === "overview";
    this.missing.textContent = this.weights.missing(gaps);
    this.panel.loaded();
    this.repaint();
    this.report(sentence(this));
    if (!this.missing.hidden) this.announce(this.missing.textContent);
    this.el.dataset.ready = String(turn);
  }

  /** First less second; null until both are there. */
  difference() {
    const { matrix, second } = this;
    if (!matrix || !second) return null;
    if (this.lastDifference?.first !== matrix || this.lastDifference.second !== second)
      this.lastDifference = new Difference(matrix, second);
    return this.lastDifference;
  }

  /** Draw again what is being read in slices; whether anybody still looks at it. */
  isShowing(matrix) {
    const shown = !this.signal.aborted && [this.matrix, this.second, this.lastDifference].includes(matrix);
    if (shown) this.repaint();
    return shown;
  }

  repaint() {
    this.panel.repaint();
    this.legend.update();
    for (const strip of this.strips) strip.update();
  }

  recolor() {
    const before = this.colors;
    this.colors = themeOf(this.el);
    if (before && before.dark !== this.colors.dark) this.panel?.recolor();
    this.legend.update();
  }

  save() {
    return savePicture(this);
  }

  // ---- pointing and pinning

  /** @param {Point | null} at @param {Board | null} board @param {boolean} aloud whether screen readers say it */
  point(at, board = null, aloud = false) {
    const { pointed } = this;
    if (at === null && pointed === null) return;
    if (at && pointed && board === this.pointedBoard && at.row === pointed.row && at.col === pointed.col) return;
    this.pointed = at;
    this.pointedBoard = board;
    this.repaint();
    this.report(sentence(this), aloud);
  }

  unpoint() {
    this.pointed = this.pointedBoard = null;
  }

  /** Pin a point, or release it. @param {Point} point @param {Board | null} board */
  pin({ row = null, col = null }, board = null) {
    const { view } = this;
    const same = view.row === row && view.col === col;
    this.pointedBoard = board;
    this.change(same ? { row: null, col: null } : { row, col });
    this.report(same ? "Released." : `Pinned. ${sentence(this)}`, true);
  }

  release() {
    this.pointed = null;
    this.change({ row: null, col: null });
    this.report("Released.", true);
  }

  // ---- words

  /** Write a sentence below the picture. */
  report(text, aloud = false) {
    this.status.textContent = text[0].toUpperCase() + text.slice(1);
    if (aloud) this.announce(text);
  }

  /** Let screen readers say something. */
  announce(text) {
    this.live.textContent = text;
  }

  /** Say what takes time; whether anybody still waits for it. */
  busy(text) {
    if (!this.signal.aborted) this.status.textContent = text;
    return !this.signal.aborted;
  }

  // ---- building

  /** Call something whenever the view changes. @param {() => void} update */
  onChange(update) {
    this.updates.push(update);
  }

  build() {
    const focused = focusOf(this.el);
    this.settle();
    /** @type {(() => void)[]} */
    this.updates = [];
    this.status = make("div", { className: "lcx-status" });
    this.missing = make("p", { className: "lcx-missing", hidden: true });
    this.main = make("div", { className: "lcx-panel", role: "tabpanel", id: `${this.id}-panel`, tabIndex: -1 });
    this.help = helpBox(tabsOf(this.spec).length);
    this.tabs = new TabList(this);
    this.legend = new Legend(this);
    this.strips = [new TokenStrip(this, "row"), new TokenStrip(this, "col")];
    this.body.replaceChildren(
      header(this),
      this.rerun ? textForm(this) : "",
      this.tabs.el,
      controls(this),
      ...this.strips.map((strip) => strip.el),
      this.main,
      make("footer", { className: "lcx-foot" }, this.status, this.legend.el),
      this.help,
    );
    this.recolor();
    this.showPanel();
    this.refresh();
    refocus(this.el, focused);
  }

  /** Show the panel of the tab. */
  showPanel() {
    this.panel?.leave();
    this.unpoint();
    this.main.replaceChildren(this.missing);
    this.panel = new PANELS[this.view.tab](this);
    this.panel.show(this.main);
  }
}
