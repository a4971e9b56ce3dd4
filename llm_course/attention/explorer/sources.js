/** Where heads come from: the script blocks of a saved page, or the kernel of a live notebook. */

import { decodeHead, fromBase64, inflate } from "./decode.js";
import { pause } from "./dom.js";
import { headMatrix, Matrix } from "./matrix.js";
import { range } from "./numbers.js";

/** @import { Attention, Question, Source, WidgetModel } from "./types.d.ts" */

/** Why there is nothing to show, in words for the reader. */
export class Problem extends Error {}

/** @param {Attention} data @param {Uint8Array} bytes */
const matrixOf = (data, bytes) => {
  const [rows, columns] = [data.rows.length, data.columns.length];
  return headMatrix(rows, columns, decodeHead(bytes, rows, columns));
};

/** Heads of a saved page: one is unpacked when it is asked for. @implements {Source} */
export class PageSource {
  /** @param {ParentNode} root */
  constructor(root) {
    this.root = root;
  }

  find(name) {
    return this.root.querySelector(`script[data-block="${name}"]`);
  }

  /** A block of the page; it may still be on its way, and is complete when something follows it. */
  async block(name) {
    const text = await this.text(name);
    return text === null ? null : inflate(fromBase64(text));
  }

  async text(name) {
    for (;;) {
      const el = this.find(name);
      if (el && (el.nextElementSibling || document.readyState !== "loading")) return el.textContent.trim();
      if (document.readyState !== "loading") return null;
      await pause(30);
    }
  }

  /** The page in a notebook's output has no layers, but what was shown when it was saved, each under its key. */
  kept(key) {
    return Boolean(this.find(`kept ${key}`));
  }

  /** @param {Attention} data @param {Question} question @param {(share: number) => boolean} progress */
  async matrix(data, { source, key, layer, head, set }, progress) {
    if (this.kept(key)) return this.whole(data, `kept ${key}`);
    if (source === "rollout") return this.whole(data, `${data.id}.rollout`);
    return source === "head" ? this.one(data, layer, head) : this.mean(data, set, progress);
  }

  async whole(data, name) {
    const bytes = await this.block(name);
    return bytes && matrixOf(data, bytes);
  }

  /** A layer's block has its heads one after the other, with "~" before those that share the keys of the last. */
  async one(data, layer, head) {
    const all = (await this.text(`${data.id}.layer.${layer}`))?.split(" ");
    if (!all?.[head]) return null;
    const [rows, columns] = [data.rows.length, data.columns.length];
    const decode = async (n, keys) => {
      const bytes = await inflate(fromBase64(all[n].replace("~", "")));
      return decodeHead(bytes, rows, columns, keys);
    };
    const own = all.findLastIndex((one, n) => n <= head && one[0] !== "~");
    const found = await decode(head, own < head ? await decode(own, null) : null);
    return headMatrix(rows, columns, found);
  }

  async mean(data, set, progress) {
    const [rows, columns] = [data.rows.length, data.columns.length];
    const sum = range(rows).map(() => new Float32Array(columns));
    for (const [n, [layer, head]] of set.entries()) {
      const matrix = await this.one(data, layer, head);
      if (!matrix) return null;
      for (let i = 0; i < rows; i++) {
        const row = matrix.compute(i);
        for (let j = 0; j < columns; j++) sum[i][j] += row[j] / set.length;
      }
      if (!progress((n + 1) / set.length)) return null;
      await pause();
    }
    return new Matrix(rows, columns, (i) => sum[i]);
  }
}

export const PATIENCE = 15_000; // milliseconds until a kernel that does not answer is called silent
export const SILENT =
  "The kernel has not answered for 15 seconds. It is busy, or was restarted: then run the cell again.";
export const notAsked = (error) => `The kernel cannot be asked (${error.message}). Run the cell again.`;

/** Heads of a live notebook: asked of the kernel by message, answered with bytes. @implements {Source} */
export class LiveSource {
  /**
   * @param {WidgetModel} model
   * @param {AbortSignal} signal
   * @param {() => void} late is called when an answer came after all: it is kept for who asks again
   */
  constructor(model, signal, late) {
    this.model = model;
    this.late = late;
    this.waiting = new Map();
    this.answers = new Map();
    this.next = 1;
    const receive = (message, buffers) => {
      const wait = this.waiting.get(message?.id);
      this.waiting.delete(message?.id);
      wait?.answer(message.problem, buffers?.[0]);
    };
    model.on("msg:custom", receive);
    signal.addEventListener("abort", () => {
      model.off("msg:custom", receive);
      for (const { timer } of this.waiting.values()) clearTimeout(timer);
      this.waiting.clear();
    });
  }

  /** The bytes of an answer; fails with a Problem where there is none. @returns {Promise<Uint8Array>} */
  ask(message) {
    const id = `${this.next++}-${Math.random()}`;
    const question = JSON.stringify(message);
    const known = this.answers.get(question);
    if (known) {
      this.answers.delete(question);
      return Promise.resolve(known);
    }
    return new Promise((done, fail) => {
      let silent = false;
      const timer = setTimeout(() => {
        silent = true;
        fail(new Problem(SILENT));
      }, PATIENCE);
      const answer = (problem, raw) => {
        clearTimeout(timer);
        if (problem || !raw) return fail(new Problem(problem ?? "The kernel's answer was empty. Run the cell again."));
        const bytes = new Uint8Array(raw.buffer ?? raw, raw.byteOffset ?? 0, raw.byteLength);
        if (!silent) return done(bytes);
        this.answers.set(question, bytes);
        return this.late();
      };
      this.waiting.set(id, { answer, timer });
      try {
        this.model.send({ ...message, id });
      } catch (error) {
        this.waiting.delete(id);
        answer(notAsked(error));
      }
    });
  }

  async block(name) {
    const bytes = this.model.get("blocks")?.[name];
    return bytes ? inflate(new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.byteLength)) : null;
  }

  kept() {
    return false;
  }

  /** @param {Attention} data @param {Question} question */
  async matrix(data, { source, layer, head, set }) {
    const messages = {
      head: { type: "head", layer, head },
      average: { type: "mean", heads: set },
      rollout: { type: "rollout" },
    };
    const bytes = await this.ask({ ...messages[source], data: data.id });
    return Object.assign(matrixOf(data, bytes), { bytes });
  }
}
