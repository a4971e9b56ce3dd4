/** A canvas as large as its frame, that draws the part of a chart that is scrolled into view. */

import { make } from "./dom.js";
import { clamp } from "./numbers.js";

/** @import { Chart, Point } from "./types.d.ts" */
/** @import { Explorer } from "./explorer.js" */

export const font = (size, bold = false) =>
  `${bold ? "600 " : ""}${size}px system-ui, "Segoe UI", "DejaVu Sans", sans-serif`;

export class Board {
  /** @param {Explorer} explorer @param {Chart} chart @param {string} label */
  constructor(explorer, chart, label, title = "") {
    this.explorer = explorer;
    this.chart = chart;
    this.title = title;
    this.canvas = make("canvas", { className: "lcx-canvas" });
    this.spacer = make("div", { className: "lcx-spacer" }, this.canvas);
    this.el = make(
      "div",
      {
        className: "lcx-board",
        tabIndex: 0,
        role: "application",
        "aria-label": label,
        "aria-roledescription": "attention picture",
        onscroll: () => this.paint(),
        onpointermove: (event) => explorer.point(this.pointAt(event), this),
        onpointerleave: () => explorer.point(null, this),
        onclick: (event) => {
          const point = this.pointAt(event);
          if (point) explorer.pin(point, this);
        },
        onkeydown: (event) => this.key(event),
        onwheel: (event) => {
          if (!event.ctrlKey && !event.metaKey) return;
          event.preventDefault();
          explorer.zoom(event.deltaY < 0 ? 1 : -1);
        },
      },
      this.spacer,
    );
    this.sizes = new ResizeObserver(() => this.layout());
    this.sizes.observe(this.el);
    this.sized = false;
    /** @type {number | null} */
    this.frame = null;
  }

  /** What lies under the pointer. @returns {Point | null} */
  pointAt(event) {
    const box = this.el.getBoundingClientRect();
    return this.chart.hit(event.clientX - box.left, event.clientY - box.top, this.el.scrollLeft, this.el.scrollTop);
  }

  key(event) {
    const { explorer } = this;
    const point = explorer.pointed ?? { row: explorer.view.row, col: explorer.view.col };
    if (event.altKey || event.shiftKey) return;
    const far = event.ctrlKey || event.metaKey;
    if (event.key === "Enter" || event.key === " ") {
      if (far) return; // Ctrl+Enter is the notebook's
      explorer.pin(point, this);
      event.preventDefault();
      return;
    }
    const next = this.chart.move(event.key, point, far);
    if (!next) return;
    event.preventDefault();
    this.reveal(next);
    explorer.point(next, this, true);
  }

  /** Scroll a token or a pair into view; no further than needed, unless it is to stand in the middle. */
  reveal(point, middle = false) {
    const { el } = this;
    const [x, y, width, height, left, top] = this.chart.boxOf(point);
    if (middle && y > el.clientHeight) el.scrollTop = y - el.clientHeight / 2;
    el.scrollLeft = clamp(el.scrollLeft, x + width - el.clientWidth, Math.max(0, x - left));
    el.scrollTop = clamp(el.scrollTop, y + height - el.clientHeight, Math.max(0, y - top));
  }

  /** Make room for the whole chart, and draw. */
  layout() {
    const frame = this.el.clientWidth;
    if (!frame) return;
    const [width, height] = this.chart.size(frame);
    this.sized = true;
    Object.assign(this.spacer.style, { width: `${width}px`, height: `${height}px` });
    this.el.style.height = `${Math.min(height + (width > frame ? 16 : 2), this.explorer.maxHeight)}px`;
    this.paint();
  }

  /** Draw with the browser's next frame. */
  paint() {
    if (this.frame !== null) return;
    this.frame = requestAnimationFrame(() => {
      this.frame = null;
      const { clientWidth: width, clientHeight: height, scrollLeft: x, scrollTop: y } = this.el;
      if (!width || !height || !this.sized) return;
      const ratio = window.devicePixelRatio || 1;
      const { canvas } = this;
      const [wide, high] = [Math.round(width * ratio), Math.round(height * ratio)];
      if (canvas.width !== wide || canvas.height !== high) {
        Object.assign(canvas, { width: wide, height: high });
        Object.assign(canvas.style, { width: `${width}px`, height: `${height}px` });
      }
      this.drawOn(canvas, width, height, x, y, ratio);
    });
  }

  /** Draw what a frame of width × height shows at x, y; `left` and `top` say where on the canvas the frame stands. */
  drawOn(canvas, width, height, x, y, ratio, left = 0, top = 0) {
    const ctx = canvas.getContext("2d");
    ctx.save();
    ctx.setTransform(ratio, 0, 0, ratio, left * ratio, top * ratio);
    ctx.beginPath();
    ctx.rect(0, 0, width, height);
    ctx.clip();
    ctx.fillStyle = this.explorer.colors.back;
    ctx.fillRect(0, 0, width, height);
    this.chart.draw(ctx, { x, y, w: width, h: height, fine: Math.min(1, ratio) });
    ctx.restore();
    this.explorer.legend.update();
  }
}
