/** The colors of weights, and those of the theme around the explorer. */

import { range } from "./numbers.js";

const channels = (color) => [1, 3, 5].map((at) => Number.parseInt(color.slice(at, at + 2), 16));

/** 256 colors between stops, as RGBA numbers for image data. */
function ramp(...stops) {
  const known = stops.map(channels);
  return Uint32Array.from(range(256), (v) => {
    const x = (v / 255) * (known.length - 1);
    const at = Math.min(Math.floor(x), known.length - 2);
    const [r, g, b] = known[at].map((c, k) => Math.round(c + (known[at + 1][k] - c) * (x - at)));
    return (255 << 24) | (b << 16) | (g << 8) | r;
  });
}

// One hue from light to dark (dark theme: dark to light), so that it reads in grey and for color-blind eyes too;
// differences run from orange to blue, and their sign is written wherever there is room.
const RAMPS = {
  light: {
    weight: ramp("#f6f8fb", "#c9dbef", "#86b0dc", "#3b78b8", "#123f7a", "#061f45"),
    difference: ramp("#a3470a", "#e39a5b", "#f7f7f7", "#78add8", "#134f8d"),
  },
  dark: {
    weight: ramp("#171c24", "#1b3856", "#25639b", "#4f9ad6", "#a9d3f5", "#f4faff"),
    difference: ramp("#ffb066", "#9a5a20", "#20242b", "#2e6ca8", "#8fcaff"),
  },
};

/** Black or white, whichever can be read on a color: WCAG's contrast is then at least 4.5. */
export function textColorOn(color) {
  const [r, g, b] = [color, color >> 8, color >> 16].map((c) => {
    const x = (c & 255) / 255;
    return x <= 0.04045 ? x / 12.92 : ((x + 0.055) / 1.055) ** 2.4;
  });
  return 0.2126 * r + 0.7152 * g + 0.0722 * b > 0.179 ? "#000000" : "#ffffff";
}

/** A ramp as the background of an element. */
export function gradient(colors) {
  const css = (color) => `rgb(${color & 255},${(color >> 8) & 255},${(color >> 16) & 255})`;
  return `linear-gradient(90deg,${range(9).map((n) => css(colors[Math.round(n * 31.875)]))})`;
}

/**
 * @typedef {object} Colors
 * @property {boolean} dark
 * @property {{weight: Uint32Array, difference: Uint32Array}} ramps
 * @property {string} back
 * @property {string} front
 * @property {string} ink
 * @property {string} quiet
 * @property {string} soft
 * @property {string} line
 * @property {string} accent
 */

/** Read the theme's colors off an element, and tell its style whether they are dark. @returns {Colors} */
export function themeOf(el) {
  const [r, g, b] = (getComputedStyle(el).backgroundColor.match(/[\d.]+/g) ?? [255, 255, 255]).map(Number);
  const dark = 0.3 * r + 0.6 * g + 0.1 * b < 110;
  el.classList.toggle("lcx-dark", dark);
  const style = getComputedStyle(el);
  const read = (name) => style.getPropertyValue(`--lcx-${name}`).trim() || style.color;
  return {
    dark,
    ramps: RAMPS[dark ? "dark" : "light"],
    back: style.backgroundColor,
    front: style.color,
    ink: read("ink"),
    quiet: read("quiet"),
    soft: read("soft"),
    line: read("line"),
    accent: read("accent"),
  };
}

/** Call `again` when an element's theme or size may have changed. */
export function watchTheme(el, signal, again) {
  const act = () => {
    if (!signal.aborted && el.isConnected) again();
  };
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", act, { signal });
  const theme = new MutationObserver(() => requestAnimationFrame(act)); // JupyterLab names its theme on the body
  theme.observe(document.body, { attributes: true, attributeFilter: ["data-jp-theme-light", "data-jp-theme-name"] });
  const sizes = new ResizeObserver(act); // an element has no colors before it stands in the page
  sizes.observe(el);
  signal.addEventListener("abort", () => {
    theme.disconnect();
    sizes.disconnect();
  });
}
