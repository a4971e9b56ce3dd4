/** What Python sends and what the modules pass to each other. For `tsc` and for readers; nothing of it is loaded. */

import type { Matrix } from "./matrix.js";

/** One kind of attention on one text: `Part.facts()` in encoding.py. Self-attention names its tokens once. */
export interface Attention {
  id: string;
  kind: string;
  model: string;
  layers: number;
  heads: number;
  /** Tokens that look (queries). */
  rows: string[];
  /** Tokens that are looked at (keys). */
  columns: string[];
  /** For each column 1 where it is a special token, and the number of its text. */
  special: number[];
  segments: number[];
  /** The same for each row. */
  rowSpecial: number[];
  rowSegments: number[];
  /** How many tokens were given; those after them were generated. */
  written: number;
  recorded: boolean;
  /** Height and width of a thumbnail in pixels, and how many shades it has. */
  thumb: [number, number];
  levels: number;
  measures: string[];
  rollout: boolean;
  /** Why there is no rollout. */
  noRollout: string;
}

export interface Side {
  label: string;
  kinds: Attention[];
}

/** What the explorer is made with; `turn` counts the texts that were run again, `problem` says why one was not. */
export interface Spec {
  sides: Side[];
  view?: Partial<View>;
  rerun?: boolean;
  text?: string;
  pair?: string | null;
  turn?: number;
  problem?: string;
}

export type Tab = "overview" | "map" | "lines" | "pair" | "compare";
export type HeadPair = [layer: number, head: number];

/** What is shown. `explore(..., view=...)` in Python takes the same names. */
export interface View {
  tab: Tab;
  source: "head" | "average" | "rollout";
  side: number;
  kind: string | null;
  layer: number;
  head: number;
  /** The head of the second side, where it is not the same. */
  layer2: number | null;
  head2: number | null;
  /** The pinned tokens. */
  row: number | null;
  col: number | null;
  /** Which text's tokens are shown as rows and as columns. */
  from: "all" | 0 | 1;
  to: "all" | 0 | 1;
  special: boolean;
  /** The weight that is drawn darkest, unless all are smaller. */
  shade: number;
  sort: "layer" | "up" | "down";
  measure: string;
  /** The heads that are averaged. */
  set: HeadPair[] | null;
  zoom: number;
  bySize: boolean;
}

/** A cell (row and column), a row or a column. */
export interface Point {
  row?: number | null;
  col?: number | null;
}

/** Which rows and columns are shown, by their numbers; `key` is the same for the same choice. */
export interface Filter {
  key: string;
  rowsAt: number[];
  colsAt: number[];
}

/** Weights that the view asks for: the name by which they are kept, and the words for them. */
export interface Question {
  source: View["source"];
  key: string;
  name: string;
  layer?: number;
  head?: number;
  set?: HeadPair[];
}

/** What a chart draws. `sharedPeak` gives the largest weight of all charts that share one scale. */
export interface Content {
  data: Attention;
  matrix: Matrix | null;
  filter?: Filter;
  difference?: boolean;
  sharedPeak?: () => number;
}

/** A picture on a board. Sizes and places are in CSS pixels. */
export interface Chart {
  /** What is drawn now. */
  content(): Content;
  /** Width and height of the whole picture on a board of this width. */
  size(width: number): [number, number];
  /** Draw what is scrolled into view; `fine` is below 1 where the device has fewer pixels than CSS. */
  draw(context: CanvasRenderingContext2D, box: { x: number; y: number; w: number; h: number; fine?: number }): void;
  /** What lies at x, y of a board that is scrolled by scrollX, scrollY. */
  hit(x: number, y: number, scrollX: number, scrollY: number): Point | null;
  /** Where an arrow key leads; null for any other key. */
  move(key: string, from: Point, far: boolean): Point | null;
  /** x, y, width and height of a point, and of the margins of names on the left and above. */
  boxOf(point: Point): [number, number, number, number, number, number];
  /** The weight drawn darkest or thickest, once something was drawn. */
  peak?: number;
}

/** Where weights come from: a saved page, or a kernel. */
export interface Source {
  /** The unpacked bytes of a block; null where it is not there. */
  block(name: string): Promise<Uint8Array | null>;
  /** Whether a page that lacks most heads has kept these weights. */
  kept(key: string): boolean;
  /** The weights, or null. `progress` is told the share that is done, and says whether to go on. */
  matrix(data: Attention, question: Question, progress: (share: number) => boolean): Promise<Matrix | null>;
}

/** Keeps a view. `matrices` are the weights that go with it, once they are there. */
export type Remember = (view: View, changed: boolean, matrices?: Matrix[]) => void;

/** Runs an edited text again; the answer is a new specification. */
export type Rerun = (text: string, pair: string | null) => void;

/** The part of an anywidget model that is used. */
export interface WidgetModel {
  get(name: string): any;
  set(name: string, value: unknown): void;
  save_changes(): void;
  send(message: unknown): void;
  on(name: string, listener: (...given: any[]) => void): void;
  off(name: string, listener: (...given: any[]) => void): void;
  widget_manager?: any;
}
