/** Small numbers' work that many modules need. */

/** @type {(x: number, low: number, high: number) => number} */
export const clamp = (x, low, high) => Math.min(Math.max(x, low), high);

/** The numbers from 0 to n - 1. @type {(n: number) => number[]} */
export const range = (n) => Array.from({ length: n }, (_, i) => i);
