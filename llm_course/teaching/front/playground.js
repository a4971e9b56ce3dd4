// A playground: controls on top, what comes of them below. It needs the kernel that showed it, and says so at once
// when there is none. Sliders act while they move, text with the button.

const GONE = "This needs a running kernel. Run this cell again.";
const NO_LINK = `${GONE} If you have just run it, the server lacks anywidget: install it in the server's environment.`;
// Milliseconds: a model is there or there is none; say that it works; say why it takes long.
const MODEL_MS = 900;
const WORKING_MS = 300;
const BUSY_MS = 2000;

// Sends values one at a time to the playground's own model. While one is under way only the newest of the others is
// kept, so that a slider that is dragged does not queue up work.
function makeSender(name, status, take) {
  let model = null;
  // The name of the turn that is under way; models hear other forms' turns, too.
  let under = null;
  let next = null;
  let timers = [];

  const settle = () => {
    timers.forEach(clearTimeout);
    timers = [];
    under = null;
  };
  const later = (delay, text) => timers.push(setTimeout(() => { status.textContent = text; }, delay));

  function listen() {
    const there = [...(course.models.get(name) ?? [])].at(-1) ?? null;
    if (there === model) return;
    model = there;
    if (under !== null) {
      // the former model will not answer any more
      settle();
      status.textContent = GONE;
    }
    if (!model) return;
    if (status.textContent === NO_LINK || status.textContent === GONE) status.textContent = "";
    model.on("msg:custom", (message) => {
      if (message.turn !== under) return;
      settle();
      status.textContent = message.problem;
      if (!message.problem) take(message);
      if (next) {
        const values = next;
        next = null;
        send(values);
      }
    });
  }

  function send(values) {
    listen();
    if (under !== null) {
      next = values;
      return;
    }
    if (!model) {
      status.textContent = NO_LINK;
      return;
    }
    under = newId("turn");
    try {
      model.send({ ...values, turn: under });
    } catch {
      // its kernel was restarted or shut down
      settle();
      status.textContent = GONE;
      return;
    }
    later(WORKING_MS, "Working…");
    later(BUSY_MS, "Still working. The kernel may be busy with another cell.");
  }

  course.events.addEventListener("model", listen);
  course.events.addEventListener("gone", listen);
  setTimeout(() => {
    listen();
    if (!model) status.textContent = NO_LINK;
  }, MODEL_MS);
  return send;
}

const controls = {
  range(control, id, act) {
    const input = make("input", { type: "range", id, min: control.min, max: control.max, step: control.step });
    input.value = control.value;
    const shown = make("output", { for: id });
    const show = () => {
      const text = control.names?.[input.value] ?? input.value;
      shown.textContent = text;
      input.setAttribute("aria-valuetext", text);
    };
    show();
    input.addEventListener("input", () => { show(); act(); });
    return { nodes: [input, shown], get: () => Number(input.value), css: "lc-control" };
  },
  choice(control, id, act) {
    const input = make("select", { id }, ...control.options.map((option) => make("option", { value: option }, option)));
    input.value = control.value;
    input.addEventListener("change", act);
    return { nodes: [input], get: () => input.value, css: "lc-control" };
  },
  text(control, id) {
    const input = make("textarea", { id, rows: control.rows, spellcheck: "false" });
    input.value = control.value;
    return { nodes: [input], get: () => input.value, set: (text) => { input.value = text; },
      css: "lc-control lc-text" };
  },
};

kinds.playground = (spec, root) => {
  const status = makeRegion();
  const result = make("div", { class: "lc-result" });
  const said = make("div", { class: "lc-hidden", role: "status", "aria-live": "polite" });
  const read = {};
  root.replaceChildren(makeHtml("p", spec.html));
  const send = makeSender(spec.name, status, (message) => {
    result.innerHTML = message.html;
    said.textContent = message.said;
  });
  const go = (pressed) => send({
    values: Object.fromEntries(Object.entries(read).map(([name, control]) => [name, control.get()])), pressed,
  });
  let timer = null;
  const soon = () => {
    clearTimeout(timer);
    timer = setTimeout(() => go(false), 120);
  };
  // Settings that stand side by side.
  const columns = new Map();
  for (const control of spec.controls) {
    const id = newId(control.name);
    const made = controls[control.kind](control, id, soon);
    read[control.name] = made;
    const line = make("div", { class: made.css }, make("label", { for: id }, control.label), ...made.nodes);
    if (!control.column) {
      root.append(line);
      continue;
    }
    if (!columns.has(control.column)) {
      const column = make("fieldset", { class: "lc-column" }, make("legend", {}, control.column));
      columns.set(control.column, column);
    }
    columns.get(control.column).append(line);
  }
  if (columns.size) root.append(make("div", { class: "lc-columns" }, ...columns.values()));
  const button = make("button", { type: "button" }, spec.button);
  button.addEventListener("click", () => go(true));
  // A token in the result that was clicked goes to the end of the prompt.
  result.addEventListener("click", (event) => {
    const token = event.target.closest("[data-token]");
    if (!token) return;
    read[spec.grows].set(read[spec.grows].get() + token.dataset.token);
    go(false);
  });
  result.innerHTML = spec.first;
  root.append(button, status, result, said);
};
