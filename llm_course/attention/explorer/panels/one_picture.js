/** A heat map or lines of one matrix, and beside it the strongest weights of a row. */

import { make } from "../dom.js";
import { HeatMap } from "../heat_map.js";
import { LineView } from "../line_view.js";
import { shortened, weightText } from "../text.js";
import { headChooser } from "./head_chooser.js";
import { Panel } from "./panel.js";

const LISTED_TOKENS = 12;
const CHARTS = {
  map: [HeatMap, "Heat map: arrows move over pairs of tokens, Enter pins"],
  lines: [LineView, "Lines: arrows move over tokens, left looks, right is looked at, Enter pins"],
};

export class OnePicturePanel extends Panel {
  constructor(explorer) {
    super(explorer);
    this.list = make("div", { className: "lcx-top" });
    this.listed = "";
    this.drawn = false;
  }

  show(main) {
    const { explorer } = this;
    const { view } = explorer;
    const [Kind, label] = CHARTS[view.tab];
    const pane = make("div", { className: "lcx-pane" });
    const chooser = view.source === "average" && headChooser(explorer);
    const aside = make("aside", { className: "lcx-aside" }, chooser, this.list);
    main.append(make("div", { className: "lcx-side" }, pane, aside));
    const content = () => ({ ...explorer.content(), filter: explorer.filter(explorer.data) });
    this.addBoard(new Kind(explorer, content), label, pane);
  }

  loaded() {
    super.loaded();
    const { row, col } = this.explorer.view;
    // the first time it is drawn, what is pinned is scrolled into view
    if (!this.drawn && (row !== null || col !== null)) this.boards[0].reveal({ row, col }, true);
    this.drawn = true;
  }

  repaint() {
    super.repaint();
    this.updateList();
  }

  /** The strongest weights of the row that is pointed at or pinned. */
  updateList() {
    const { data, matrix, view, pointed, turn } = this.explorer;
    const row = pointed?.row ?? view.row;
    const now = matrix ? `${row} ${turn} ${pointed?.col}` : "";
    if (this.listed === now) return;
    this.listed = now;
    if (!matrix) {
      this.list.replaceChildren();
      return;
    }
    if ((row ?? null) === null) {
      const hint = "Point at a row, or pin one, to read its weights here.";
      this.list.replaceChildren(make("p", { className: "lcx-quiet" }, hint));
      return;
    }
    const found = matrix.strongest(row, this.explorer.filter(data).colsAt, LISTED_TOKENS).filter(([, w]) => w > 0);
    const items = found.map(([j, w]) =>
      make(
        "li",
        { className: pointed?.col === j ? "lcx-hot" : "" },
        make("bdi", {}, shortened(data.columns[j])),
        make("i", { style: `width:${Math.max(1, 90 * w)}px` }),
        make("span", {}, weightText(w)),
      ),
    );
    const name = make("bdi", {}, make("strong", {}, shortened(data.rows[row])));
    this.list.replaceChildren(make("p", {}, name, ` (${row}) looks at`), make("ol", {}, items));
  }
}
