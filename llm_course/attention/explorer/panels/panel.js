/** What all panels share: the boards on them, and when they are told to draw. */

import { Board } from "../board.js";

/** @import { Explorer } from "../explorer.js" */
/** @import { Chart } from "../types.d.ts" */

export class Panel {
  /** @param {Explorer} explorer */
  constructor(explorer) {
    this.explorer = explorer;
    /** @type {Board[]} */
    this.boards = [];
  }

  /** Fill the element of the panel. @param {HTMLElement} _main */
  show(_main) {}

  /** @param {Chart} chart @param {string} label @param {HTMLElement} into */
  addBoard(chart, label, into, title = "") {
    const board = new Board(this.explorer, chart, label, title);
    this.boards.push(board);
    into.append(board.el);
    return board;
  }

  /** The weights have come. */
  loaded() {
    for (const board of this.boards) board.layout();
  }

  /** What is pointed at or pinned has changed. */
  repaint() {
    for (const board of this.boards) board.paint();
  }

  /** The theme has changed from light to dark, or back. */
  recolor() {}

  leave() {
    for (const board of this.boards) board.sizes.disconnect();
  }
}
