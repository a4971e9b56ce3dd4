// Questions with one answer each: a group of radio buttons, a button, and a place for what Python says to it.

function render({ model, el: host }) {
  const spec = model.get("spec");
  const root = makeRoot(spec.title);
  const problem = makeRegion();
  const sender = makeSender(model, problem);
  const regions = spec.questions.map((question, place) => {
    const group = make("fieldset", {}, makeHtml("legend", question.html));
    const name = newId("choice");
    const before = model.get("state").chosen[place];
    const radios = question.options.map((html, number) => {
      const radio = make("input", { type: "radio", name, value: String(number) });
      radio.checked = number === before;
      group.append(make("label", { class: "lc-option" }, radio, makeHtml("span", html)));
      return radio;
    });
    const region = makeRegion();
    const button = make("button", { type: "button" }, spec.buttons[place]);
    button.addEventListener("click", () => {
      const choice = radios.findIndex((radio) => radio.checked);
      if (choice < 0) setHtml(region, "Choose an answer first.");
      else sender.send({ question: place, choice });
    });
    group.append(button, region);
    root.append(group);
    return region;
  });
  root.append(problem);
  const onState = () => model.get("state").feedback.forEach((html, place) => {
    if (html) setHtml(regions[place], html);
  });
  model.on("change:state", onState);
  onState();
  host.append(root);
  return () => {
    sender.stop();
    model.off("change:state", onState);
  };
}

export default { render };
