/** Elements, and the keyboard's focus among them. */

/**
 * Make an element. Children are elements or text, never HTML; null, undefined and false are left out.
 *
 * @template {keyof HTMLElementTagNameMap} Tag
 * @param {Tag} tag
 * @param {Record<string, any>} props properties, attributes, and listeners by names that start with "on"
 * @param {...any} children
 * @returns {HTMLElementTagNameMap[Tag]}
 */
export function make(tag, props = {}, ...children) {
  const el = document.createElement(tag);
  for (const [name, value] of Object.entries(props)) {
    if (value === null || value === undefined || value === false) continue;
    if (name.startsWith("on")) el.addEventListener(name.slice(2), value);
    else if (name in el && !name.includes("-") && name !== "list") el[name] = value;
    else el.setAttribute(name, value === true ? "" : value);
  }
  el.append(...children.flat(Infinity).filter((child) => child !== null && child !== undefined && child !== false));
  return el;
}

/** Make an SVG element. */
export function makeSvg(tag, props = {}, ...children) {
  const el = document.createElementNS("http://www.w3.org/2000/svg", tag);
  for (const [name, value] of Object.entries(props)) el.setAttribute(name, value);
  el.append(...children);
  return el;
}

/** Let the page react to its reader before work goes on. */
export const pause = (milliseconds = 0) => new Promise((done) => setTimeout(done, milliseconds));

/** Make one of a group the one that Tab reaches (a roving tabindex); arrows move among the others. */
export function rove(group, el) {
  for (const one of group.querySelectorAll("[tabindex='0']")) one.tabIndex = -1;
  el.tabIndex = 0;
}

// What has the focus is made anew when a list is changed or a text is run again: it is found again by its names.
const FOCUSABLE = "button, select, input, summary, [tabindex]";
const SCOPES = "[role=listbox], [role=tablist], [role=group], [role=tabpanel], table";
const nameOf = (el) => el.dataset.at ?? el.getAttribute("aria-label") ?? el.textContent;
const scopeOf = (el) => el.parentElement.closest(SCOPES)?.getAttribute("aria-label") ?? "";

/** Where the focus is within an element, for `refocus`; null where it is elsewhere. */
export function focusOf(root) {
  const el = /** @type {HTMLInputElement} */ (document.activeElement);
  if (!el || el === root || !root.contains(el)) return null;
  const caret = el.type === "text" ? [el.selectionStart, el.selectionEnd] : null;
  return { tag: el.tagName, name: nameOf(el), scope: scopeOf(el), caret };
}

/** Give the focus to what bears the names of what had it before; to the panel if nothing does. */
export function refocus(root, before) {
  if (!before) return;
  const same = (el) =>
    el.tagName === before.tag && nameOf(el) === before.name && scopeOf(el) === before.scope && !el.closest("[hidden]");
  const el = [...root.querySelectorAll(FOCUSABLE)].find(same) ?? root.querySelector("[role=tabpanel]");
  if (el?.getAttribute("role") === "option") rove(el.parentElement, el);
  el?.focus({ preventScroll: true });
  if (before.caret && el.setSelectionRange) el.setSelectionRange(...before.caret);
}
