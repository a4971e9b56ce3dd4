/** What the shades below a picture mean. */

import { gradient } from "./colors.js";
import { make } from "./dom.js";
import { weightText } from "./text.js";

/** @import { Explorer } from "./explorer.js" */

export class Legend {
  /** @param {Explorer} explorer */
  constructor(explorer) {
    this.explorer = explorer;
    this.el = make("div", { className: "lcx-legend" });
    this.shown = "";
  }

  update() {
    const { colors, view } = this.explorer;
    const text = this.text();
    const now = `${text} ${colors.dark} ${view.tab}`;
    if (this.shown === now) return;
    this.shown = now;
    this.el.replaceChildren(...this.parts(text));
  }

  /** The largest weight that is drawn; null where nothing is. */
  text() {
    const { boards, view } = this.explorer;
    if (view.tab === "overview") return "largest of each head";
    const peak = boards[0]?.chart.peak;
    return view.tab === "pair" || !peak ? null : weightText(peak);
  }

  parts(text) {
    const { boards, colors, view } = this.explorer;
    const bar = (ramp) => make("i", { style: `background:${gradient(colors.ramps[ramp])}` });
    if (text === null) return [];
    if (view.tab === "lines") return [`thickest line ${text}`];
    const weights = ["0", bar("weight"), text];
    if (view.tab !== "compare" || !boards[2]) return weights;
    return [...weights, make("span", { className: "lcx-gap" }, "second more"), bar("difference"), "first more"];
  }
}
