/** The tokens as a list: one is in the tab order, arrows move, Enter pins. Shades and bars show the chosen row. */

import { make, rove } from "./dom.js";
import { clamp } from "./numbers.js";
import { visible } from "./text.js";

/** @import { Explorer } from "./explorer.js" */

export class TokenStrip {
  /** @param {Explorer} explorer @param {"row" | "col"} axis */
  constructor(explorer, axis) {
    const { data } = explorer;
    this.explorer = explorer;
    this.axis = axis;
    this.rows = axis === "row";
    this.cross = data.kind === "cross";
    this.tokens = this.rows ? data.rows : data.columns;
    this.items = this.tokens.map((_, i) => this.item(i));
    if (this.rows && data.written < this.tokens.length) this.items[data.written].classList.add("lcx-written");
    /** What each item shows now: of hundreds of tokens few change. */
    this.states = this.tokens.map(() => ({ share: 0, pinned: false, active: false }));
    this.list = this.listOf(this.items);
    const name = this.rows ? (this.cross ? "looks" : "text") : "looked at";
    this.el = make("div", { className: "lcx-strip" }, make("span", { className: "lcx-quiet" }, name), this.list);
    if (!this.rows) {
      explorer.onChange(() => {
        this.el.hidden = !this.cross && explorer.view.tab !== "pair";
      });
    }
  }

  item(i) {
    const { data } = this.explorer;
    const special = (this.rows ? data.rowSpecial : data.special)[i];
    const second = (this.rows ? data.rowSegments : data.segments)[i];
    const generated = !this.cross && i >= data.written;
    // what the style says, for those who hear the page
    const words = [special && "special token", second && "text B", generated && "generated"].filter(Boolean);
    const attributes = {
      role: "option",
      tabIndex: i === 0 ? 0 : -1,
      "data-at": i,
      className: special ? "lcx-special" : second ? "lcx-b" : "",
      "aria-selected": "false",
    };
    const unseen = words.length > 0 && make("span", { className: "lcx-unseen" }, `, ${words.join(", ")}`);
    return make("span", attributes, make("bdi", {}, visible(this.tokens[i])), unseen);
  }

  listOf(items) {
    const { explorer } = this;
    const point = (i) => (this.rows ? { row: i, col: null } : { row: explorer.view.row, col: i });
    const at = (act) => (event) => {
      const item = event.target.closest("[data-at]");
      if (item) act(Number(item.dataset.at), event);
    };
    return make(
      "div",
      {
        className: "lcx-tokens",
        role: "listbox",
        "aria-orientation": "horizontal",
        "aria-label": this.rows ? "Tokens that look (queries)" : "Tokens that are looked at (keys)",
        onpointerover: at((i) => explorer.point(point(i))),
        onpointerleave: () => explorer.point(null),
        onclick: at((i) => {
          this.focus(i);
          this.choose(i);
        }),
        onfocusin: at((i) => explorer.point(point(i), null, true)),
        onfocusout: () => explorer.point(null),
        onkeydown: at((i, event) => this.key(i, event)),
      },
      items,
    );
  }

  /** Give the focus to a token, or to the one that had it last. */
  focus(i = this.items.findIndex((item) => item.tabIndex === 0)) {
    rove(this.list, this.items[i]);
    this.items[i].focus();
  }

  key(i, event) {
    if (event.ctrlKey || event.metaKey || event.altKey || event.shiftKey) return;
    const moves = {
      ArrowRight: () => i + 1,
      ArrowLeft: () => i - 1,
      ArrowDown: () => this.nextLine(i, 1),
      ArrowUp: () => this.nextLine(i, -1),
      Home: () => 0,
      End: () => this.items.length - 1,
    };
    if (event.key === "Enter" || event.key === " ") this.choose(i);
    else if (moves[event.key]) this.focus(clamp(moves[event.key](), 0, this.items.length - 1));
    else return;
    event.preventDefault();
  }

  /** The nearest token of the line after (by 1) or before (by -1). */
  nextLine(i, by) {
    const { items } = this;
    const [x, y] = [items[i].offsetLeft, items[i].offsetTop];
    let k = i + by;
    while (items[k] && items[k].offsetTop === y) k += by;
    if (!items[k]) return i;
    const line = items[k].offsetTop;
    const nearer = () => (by > 0 ? items[k].offsetLeft < x : items[k].offsetLeft > x);
    while (items[k + by]?.offsetTop === line && nearer()) k += by;
    return k;
  }

  /** Pin a token, or release it. */
  choose(i) {
    const { explorer } = this;
    const { view } = explorer;
    if (this.rows) explorer.pin({ row: i, col: view.tab === "pair" && view.row !== i ? view.col : null });
    else explorer.pin({ row: view.row, col: view.col === i ? null : i });
  }

  /** Show the weights of the row that is pointed at or pinned, and which tokens are. */
  update() {
    const { data, view, matrix, pointed } = this.explorer;
    const row = pointed?.row ?? view.row;
    const active = this.rows ? row : (pointed?.col ?? view.col);
    const carries = this.rows !== (this.cross || view.tab === "pair"); // where weights are shown
    const weights = carries && matrix && Number.isInteger(row) && row < data.rows.length ? matrix.row(row) : null;
    const peak = weights ? weights.reduce((a, b) => Math.max(a, b), 1e-9) : 1;
    this.items.forEach((item, i) => {
      const before = this.states[i];
      const now = {
        share: weights ? Math.round(100 * Math.sqrt(weights[i] / peak)) : 0,
        pinned: view[this.axis] === i,
        active: active === i,
      };
      if (before.share !== now.share) item.style.setProperty("--w", String(now.share / 100));
      if (before.pinned !== now.pinned) item.setAttribute("aria-selected", String(now.pinned));
      if (before.active !== now.active) item.classList.toggle("lcx-active", now.active);
      this.states[i] = now;
    });
  }
}
