/** Bytes as encoding.py writes them, and blocks as page.py puts them into a page. */

export function fromBase64(text) {
  if (Uint8Array.fromBase64) return Uint8Array.fromBase64(text);
  const raw = atob(text);
  const bytes = new Uint8Array(raw.length);
  for (let i = 0; i < raw.length; i++) bytes[i] = raw.charCodeAt(i);
  return bytes;
}

async function piped(bytes, stream) {
  return new Uint8Array(await new Response(new Response(bytes).body.pipeThrough(stream)).arrayBuffer());
}

/** @returns {Promise<Uint8Array>} */
export const inflate = (bytes) => piped(bytes, new DecompressionStream("deflate"));

/** Bytes as the text of a page's block. */
export async function toBlock(bytes) {
  const small = await piped(bytes, new CompressionStream("deflate"));
  let raw = "";
  for (let i = 0; i < small.length; i += 8192) raw += String.fromCharCode(...small.subarray(i, i + 8192));
  return btoa(raw);
}

const CONTENT = { queriesAndKeys: 1, weights: 2 };
const SAME_KEYS = 1;
export const BIAS = { none: 0, causal: 1, shift: 2, weights: 3 };

/**
 * What a head's bytes hold: queries and keys, weights, or both. `encode_head` in encoding.py describes them.
 *
 * @typedef {object} Head
 * @property {number} d the dimension of queries and keys
 * @property {number} bias one of BIAS
 * @property {number} scale
 * @property {Float32Array | null} query rows x d
 * @property {Float32Array | null} key columns x d
 * @property {Float32Array | null} shift the bias of each distance, from 1 - rows to columns - 1
 * @property {Uint8Array | null} weights rows x columns, on a square-root scale
 * @property {number} bytes
 */

/**
 * Decode one head.
 *
 * @param {Uint8Array} bytes
 * @param {number} rows
 * @param {number} columns
 * @param {Head | null} before the last head of the layer that carried keys
 * @returns {Head}
 */
export function decodeHead(bytes, rows, columns, before = null) {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const [content, bits, bias, flags] = bytes;
  const d = view.getUint32(4, true);
  const scale = view.getFloat32(8, true);
  let at = 16;
  const floats = (n) => {
    const out = new Float32Array(n);
    for (let i = 0; i < n; i++, at += 4) out[i] = view.getFloat32(at, true);
    return out;
  };
  const take = (n) => {
    at += n;
    return bytes.subarray(at - n, at);
  };
  /** @type {Head} */
  const head = { d, bias, scale, query: null, key: null, shift: null, weights: null, bytes: bytes.length };
  if (content & CONTENT.queriesAndKeys) {
    const own = !(flags & SAME_KEYS);
    const sizes = own ? [rows * d, columns * d] : [rows * d];
    const steps = sizes.map(() => floats(d));
    if (bias === BIAS.shift) head.shift = floats(rows + columns - 1);
    const low = sizes.map(take);
    const high = bits > 8 ? sizes.map(take) : [];
    const [query, key] = sizes.map((_, n) => fixedPoint(low[n], high[n], steps[n], bits));
    head.query = query;
    head.key = own ? key : before.key;
  }
  if (content & CONTENT.weights) head.weights = take(rows * columns);
  return head;
}

/** Fixed-point numbers, as many for each step as there are vectors, from their low bytes and their high ones. */
function fixedPoint(low, high, step, bits) {
  const out = new Float32Array(low.length);
  const zero = 2 ** (bits - 1);
  for (let k = 0; k < out.length; ) {
    for (let j = 0; j < step.length; j++, k++) out[k] = ((high ? high[k] * 256 + low[k] : low[k]) - zero) * step[j];
  }
  return out;
}
