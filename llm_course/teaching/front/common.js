// What all forms of the lessons share. Put in front of each form's own script; loads nothing from anywhere.

// An element with attributes and children; strings among the children become text, never HTML.
function make(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  element.append(...children);
  return element;
}

// An element whose content is HTML that Python has escaped.
function makeHtml(tag, html, attributes = {}) {
  const element = make(tag, attributes);
  element.innerHTML = html;
  return element;
}

let lastId = 0;
const newId = (what) => `lc-${what}-${++lastId}-${Math.random().toString(36).slice(2, 8)}`;

// The frame of a form. Keys pressed inside stay inside: JupyterLab would take arrows and letters for commands.
function makeRoot(title) {
  const root = make("section", { class: "lc-form", "aria-label": title });
  root.addEventListener("keydown", (event) => {
    const runsCell = event.key === "Enter" && (event.shiftKey || event.ctrlKey || event.metaKey || event.altKey);
    if (!runsCell) event.stopPropagation();
  });
  return root;
}

// A region that screen readers announce whenever its text changes.
const makeRegion = () => make("div", { class: "lc-feedback", role: "status", "aria-live": "polite" });

function setHtml(region, html) {
  if (region.dataset.html === html) return;
  region.dataset.html = html;
  region.innerHTML = html;
}

// Sends messages one at a time. While one is under way only the newest of the others is kept, so that a slider
// that is dragged does not queue up work. `problem` is the region for errors and for a kernel that does not answer.
function makeSender(model, problem) {
  let waiting = false;
  let next = null;
  let timer = null;
  const send = (message) => {
    if (waiting) {
      next = message;
      return;
    }
    waiting = true;
    model.send(message);
    timer = setTimeout(() => {
      problem.textContent = "No answer yet. If the kernel is not running, run this cell again.";
      waiting = false;
    }, 20000);
  };
  const onState = () => {
    clearTimeout(timer);
    waiting = false;
    problem.textContent = model.get("state").problem;
    if (next !== null) {
      const message = next;
      next = null;
      send(message);
    }
  };
  model.on("change:state", onState);
  return { send, stop: () => { clearTimeout(timer); model.off("change:state", onState); } };
}
