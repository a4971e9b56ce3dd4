/**
 * What a keyboard and a screen reader need of the site's pages, where the theme leaves it out.
 *
 * Code and outputs that are wider than the page can be scrolled with the keyboard, too: Tab reaches them, but only
 * while they are too wide. The two sidebars get names that tell them apart, and the headings in them a
 * level.
 */

const SCROLLS = new Set(["auto", "scroll"]);

function reach(el) {
  const wide = el.scrollWidth > el.clientWidth && SCROLLS.has(getComputedStyle(el).overflowX);
  const high = el.scrollHeight > el.clientHeight && SCROLLS.has(getComputedStyle(el).overflowY);
  if (wide || high) el.tabIndex = 0;
  else el.removeAttribute("tabindex");
}

addEventListener("DOMContentLoaded", () => {
  const sizes = new ResizeObserver((all) => {
    for (const { target } of all) reach(target);
  });
  for (const el of document.querySelectorAll("article pre, article .table-wrapper, article .output")) sizes.observe(el);
  for (const caption of document.querySelectorAll('p.caption[role="heading"]')) caption.setAttribute("aria-level", "2");
  document.querySelector(".sidebar-drawer")?.setAttribute("aria-label", "All pages");
  document.querySelector(".toc-drawer")?.setAttribute("aria-label", "This page");
});
