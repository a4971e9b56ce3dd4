/**
 * The attention explorer: every head of a model on a text, in a notebook (anywidget) or in a page of its own.
 *
 * It loads nothing: data comes from the page's own script blocks or, live, from the kernel in messages. Tokens are only
 * ever set as text. Python joins these modules into one when it loads them (modules.py); there is no build step.
 */

import { render } from "./notebook.js";
import { startPage } from "./saved_page.js";

export default { render, startPage };
