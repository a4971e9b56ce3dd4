// A playground: controls on top, what comes of them below. Sliders act while they move, text with the button.

function render({ model, el: host }) {
  const spec = model.get("spec");
  const root = makeRoot(spec.title);
  const problem = makeRegion();
  const sender = makeSender(model, problem);
  const read = {};
  root.append(makeHtml("p", spec.html));
  const values = () => Object.fromEntries(Object.entries(read).map(([name, get]) => [name, get()]));
  const send = (pressed) => sender.send({ values: values(), pressed });
  let timer = null;
  const soon = () => {
    clearTimeout(timer);
    timer = setTimeout(() => send(false), 120);
  };

  for (const control of spec.controls) {
    const id = newId(control.name);
    const start = model.get("state").values[control.name];
    const label = make("label", { for: id }, control.label);
    if (control.kind === "range") {
      const input = make("input", { type: "range", id, min: control.min, max: control.max, step: control.step });
      input.value = start;
      const shown = make("output", { for: id });
      const show = () => {
        const text = control.names?.[input.value] ?? input.value;
        shown.textContent = text;
        input.setAttribute("aria-valuetext", text);
      };
      show();
      input.addEventListener("input", () => { show(); soon(); });
      read[control.name] = () => Number(input.value);
      root.append(make("div", { class: "lc-control" }, label, input, shown));
    } else if (control.kind === "choice") {
      const input = make("select", { id });
      for (const option of control.options) {
        input.append(make("option", { value: option }, option));
      }
      input.value = start;
      input.addEventListener("change", soon);
      read[control.name] = () => input.value;
      root.append(make("div", { class: "lc-control" }, label, input));
    } else {
      const input = make("textarea", { id, rows: control.rows, spellcheck: "false" });
      input.value = start;
      read[control.name] = () => input.value;
      root.append(make("div", { class: "lc-control lc-text" }, label, input));
    }
  }
  const button = make("button", { type: "button" }, spec.button);
  button.addEventListener("click", () => send(true));
  const result = make("div", { class: "lc-feedback" });
  const said = make("div", { class: "lc-hidden", role: "status", "aria-live": "polite" });
  root.append(button, result, said, problem);
  const onState = () => {
    setHtml(result, model.get("state").feedback[0]);
    said.textContent = model.get("state").said;
  };
  model.on("change:state", onState);
  onState();
  host.append(root);
  return () => {
    clearTimeout(timer);
    sender.stop();
    model.off("change:state", onState);
  };
}

export default { render };
