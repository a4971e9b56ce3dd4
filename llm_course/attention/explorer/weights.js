/** Weights that were asked for: the last few stay at hand, and why others are missing. */

import { Problem } from "./sources.js";

/** @import { Attention, Question, Source } from "./types.d.ts" */
/** @import { Matrix } from "./matrix.js" */

const AT_HAND = 6;
const MISSING = "The weights of this head are not stored here. Run the cell again, or open the saved page.";

export class Weights {
  /** @param {Source} source @param {(text: string) => boolean} busy says what takes time, and whether to go on */
  constructor(source, busy) {
    this.source = source;
    this.busy = busy;
    /** @type {Map<string, Promise<Matrix | null>>} */
    this.cache = new Map();
    /** @type {Map<string, string>} */
    this.problems = new Map();
  }

  /**
   * The weights, named after the question; null where there are none.
   *
   * @param {Attention} data
   * @param {Question} question
   */
  load(data, question) {
    const { key, name, set } = question;
    if (set?.length === 0) return Promise.resolve(null);
    if (!this.cache.has(key)) {
      if (this.cache.size >= AT_HAND) this.cache.delete(this.cache.keys().next().value);
      this.problems.delete(key);
      const keep = (found) => {
        if (!found) this.cache.delete(key);
        return found && Object.assign(found, { key, name, data });
      };
      const progress = (share) => this.busy(`averaging: ${Math.round(100 * share)} %`);
      const asked = this.source.matrix(data, question, progress);
      this.cache.set(key, asked.catch((error) => this.failed(key, error)).then(keep));
    }
    return this.cache.get(key);
  }

  failed(key, error) {
    if (error instanceof Problem) this.problems.set(key, error.message);
    else console.error(error);
    return null;
  }

  /** Why there are no weights, in words. @param {Question[]} questions */
  missing(questions) {
    if (questions.some((one) => one.set?.length === 0)) return "Choose the heads to average.";
    return [...new Set(questions.map((one) => this.problems.get(one.key) ?? MISSING))].join(" ");
  }
}
