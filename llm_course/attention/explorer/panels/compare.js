/** Two texts or models side by side, and their difference where they have as many tokens. */

import { make } from "../dom.js";
import { HeatMap } from "../heat_map.js";
import { headChooser } from "./head_chooser.js";
import { Panel } from "./panel.js";

/** @import { Attention, Content } from "../types.d.ts" */

export class ComparePanel extends Panel {
  show(main) {
    const { explorer } = this;
    const { spec, view } = explorer;
    const [first, second] = [explorer.data, explorer.dataOf(1 - view.side)];
    const fits = first.rows.length === second.rows.length && first.columns.length === second.columns.length;
    const sharedPeak = () => this.sharedPeak();
    const all = make("div", { className: "lcx-compare" });
    /** @type {(label: string, data: Attention, content: () => Omit<Content, "data">) => void} */
    const add = (label, data, content) => {
      const figure = make("figure", {}, make("figcaption", { dir: "auto" }, label));
      const chart = new HeatMap(explorer, () => ({ data, filter: explorer.filter(data), ...content() }));
      all.append(figure);
      this.addBoard(chart, `Heat map, ${label}`, figure, label);
    };
    add(spec.sides[view.side].label, first, () => ({ matrix: explorer.matrix, sharedPeak }));
    add(spec.sides[1 - view.side].label, second, () => ({ matrix: explorer.second, sharedPeak }));
    if (fits) {
      add("Difference: first − second", first, () => ({ matrix: explorer.difference(), difference: true }));
    } else {
      const why = "The texts have different numbers of tokens, so there is no difference to show.";
      all.append(make("p", { className: "lcx-quiet" }, why));
    }
    const aside = make("aside", { className: "lcx-aside" }, view.source === "average" && headChooser(explorer));
    main.append(aside, all);
  }

  /** The largest weight of both sides: they are drawn on one scale. */
  sharedPeak() {
    const peaks = this.boards.slice(0, 2).map(({ chart }) => {
      const pooled = chart.content().matrix?.pooled.values().next().value;
      return pooled?.peak ?? 0;
    });
    return Math.max(...peaks, 1e-9);
  }
}
