"""What axe-core, which reads a page as assistive technology does, finds in a page.

Knows nothing about the pages. The fixture ``axe`` gives its script.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from playwright.sync_api import Frame, Page

BARRIERS = ("critical", "serious")  # of axe's impacts; "moderate" and "minor" are advice
COLOR = ("color-contrast", "link-in-text-block")  # the rules that another theme can break
RUN = """async ([within, rules, impacts]) => {
  const options = { iframes: false, preload: false, resultTypes: ["violations"] };
  if (rules.length) options.runOnly = { type: "rule", values: rules };
  const { violations } = await axe.run(within, options);
  const found = [];
  for (const { id, impact, help, nodes } of violations)
    for (const { html, target } of nodes)
      if (impacts.includes(impact)) found.push(`${id} (${impact}: ${help}) ${target.join(" ")}: ${html.slice(0, 200)}`);
  return found;
}"""


def barriers(page: Page, axe: str, within: str = "html", rules: tuple[str, ...] = ()) -> list[str]:
    """What in a page keeps readers out, one line an element: the rule, where, and the element's HTML.

    Args:
        page: a page, fully drawn. Frames within it are pages of their own, and are looked at whole.
        axe: the text of axe-core.
        within: a CSS selector: what is looked at, and all that is within it.
        rules: only these of axe's rules; all that are on by default if empty.
    """
    found: list[str] = []
    for frame in page.frames:
        if frame is page.main_frame or _seen(frame):
            if not frame.evaluate("() => 'axe' in window"):
                frame.evaluate(axe)
            chosen = within if frame is page.main_frame else "html"
            found += frame.evaluate(RUN, [chosen, rules, BARRIERS])
    return found


def _seen(frame: Frame) -> bool:
    return frame.frame_element().is_visible()
