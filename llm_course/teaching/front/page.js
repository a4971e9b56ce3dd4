// What all forms share: elements, the reader's record, and the way to a kernel. Loads nothing from anywhere.

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

// Keys pressed inside a form stay inside: JupyterLab would take arrows and letters for commands.
function keepKeys(root) {
  root.addEventListener("keydown", (event) => {
    const runsCell = event.key === "Enter" && (event.shiftKey || event.ctrlKey || event.metaKey || event.altKey);
    if (!runsCell) event.stopPropagation();
  });
}

// A region that screen readers announce whenever its text changes.
const makeRegion = () => make("div", { class: "lc-feedback", role: "status", "aria-live": "polite" });

function setHtml(region, html) {
  if (region.dataset.html === html) return;
  region.dataset.html = html;
  region.innerHTML = html;
}

// What the record says of a question or puzzle that was tried before.
function triedBefore(entry) {
  if (!entry) return "";
  const times = entry.tries === 1 ? "once" : `${entry.tries} times`;
  return entry.right ? `You had this right before (tried ${times}).` : `You have tried this ${times}, not right yet.`;
}

// Specifications and answers travel as base64 of UTF-8: veiled from a glance, not secret.
function unveil(text) {
  const bytes = Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));
  return JSON.parse(new TextDecoder().decode(bytes));
}

// Every kind of form: a function of its specification and of the section that it fills.
const kinds = {};

// One for all forms of a page, whichever script comes first. Kernels make models without a view, one for the record
// and one for each playground, and link.js lists them here.
window.llmCourse ??= { models: new Map(), events: new EventTarget() };
const course = window.llmCourse;

// The reader's record, kept in this browser: the same shape as the kernel's progress file.
course.record ??= (() => {
  const KEY = "llm-course-progress";
  const SECTIONS = ["predictions", "quiz", "parsons", "exercises"];
  const empty = () => Object.fromEntries([["version", 2], ["begun", 0], ...SECTIONS.map((name) => [name, {}])]);
  // Where the browser stores nothing (a sandboxed frame): the record until the page is closed.
  let kept = null;
  // Counts changes, so that an answer of the kernel to an older record is not taken.
  let turn = 0;

  function read() {
    if (kept) return structuredClone(kept);
    try {
      const data = JSON.parse(localStorage.getItem(KEY));
      if (data?.version === 2 && SECTIONS.every((name) => typeof (data[name] ?? 0) === "object")) return data;
    } catch { /* no storage, or something else under this name */ }
    return empty();
  }

  function write(data) {
    try {
      localStorage.setItem(KEY, JSON.stringify(data));
    } catch {
      kept = data;
    }
    course.events.dispatchEvent(new CustomEvent("record"));
  }

  // Hand the record to every kernel that is there; each joins it with its file and sends back what came of it.
  function hand() {
    for (const model of course.models.get("record") ?? []) {
      try {
        model.send({ record: read(), turn });
      } catch { /* that kernel has gone; its cell makes a new one */ }
    }
  }

  function change(edit) {
    const data = read();
    edit(data);
    turn += 1;
    write(data);
    hand();
  }

  course.events.addEventListener("model", (event) => {
    if (event.detail.name !== "record") return;
    const { model } = event.detail;
    model.on("msg:custom", (message) => {
      if (message.turn === turn) write(message.record);
    });
    hand();
  });

  return {
    read,
    change,
    // One try; what was right once stays right.
    tried(section, keys, right) {
      change((data) => {
        let place = data[section];
        for (const key of keys.slice(0, -1)) place = place[key] ??= {};
        const last = keys[keys.length - 1];
        const old = place[last] ?? {};
        place[last] = { right: old.right === true || right, tries: (old.tries ?? 0) + 1 };
      });
    },
    // A record that was begun anew on purpose; `begun` tells it from an older one in another place.
    begin(begun) {
      if (read().begun >= begun) return;
      turn += 1;
      write({ ...empty(), begun });
    },
  };
})();
