// Predictions and quizzes: questions with one answer each. All of it is judged here, so that no kernel is needed.

function questionGroup(html, options, label) {
  const group = make("fieldset", {}, makeHtml("legend", html));
  const name = newId("choice");
  const region = makeRegion();
  const radios = options.map((text, number) => {
    const radio = make("input", { type: "radio", name, value: String(number) });
    radio.addEventListener("change", () => setHtml(region, ""));
    group.append(make("label", { class: "lc-option" }, radio, makeHtml("span", text)));
    return radio;
  });
  const button = make("button", { type: "button" }, label);
  group.append(button, region);
  const chosen = () => radios.findIndex((radio) => radio.checked);
  return { group, radios, button, region, chosen };
}

// A prediction is kept under its key; once its answer has been revealed it stays as it was.
kinds.prediction = (spec, root) => {
  const form = questionGroup(spec.html, spec.options, "Record my prediction");
  const entry = () => course.record.read().predictions[spec.key] ?? {};
  const described = () => JSON.stringify([entry().choice, entry().answer]);
  form.button.addEventListener("click", () => {
    const place = form.chosen();
    if (place < 0) {
      setHtml(form.region, "Choose an answer first.");
      return;
    }
    course.record.change((data) => {
      const old = data.predictions[spec.key] ?? {};
      if (old.answer === undefined) data.predictions[spec.key] = { ...old, choice: spec.texts[place] };
    });
    show();
  });
  let shown;
  // What the record says about this prediction is shown when it changes: a choice that is not recorded yet stays.
  const follow = () => { if (described() !== shown) show(); };
  const show = () => {
    const { choice, answer } = entry();
    shown = described();
    const place = spec.texts.indexOf(choice);
    const fixed = answer !== undefined;
    form.radios.forEach((radio, number) => {
      if (place >= 0) radio.checked = number === place;
      radio.disabled = fixed;
    });
    form.button.disabled = fixed;
    if (fixed) {
      const said = place < 0 ? "You recorded no prediction." : `You predicted <b>${spec.options[place]}</b>.`;
      setHtml(form.region, `${said} The answer has been shown, so this stays as it is.`);
    } else {
      const said = `Recorded: <b>${spec.options[place]}</b>. Now run the next cells and compare.`;
      setHtml(form.region, place < 0 ? "" : said);
    }
  };
  root.replaceChildren(form.group);
  course.events.addEventListener("record", follow);
  show();
};

// What a prediction was, beside what it should have been. Showing the answer fixes the prediction.
kinds.reveal = (spec, root) => {
  const { choice, answer } = course.record.read().predictions[spec.key] ?? {};
  const before = choice === undefined ? "You recorded no prediction." : "You predicted ";
  const said = make("p", {}, before);
  if (choice !== undefined) said.append(make("b", {}, choice), ".");
  said.append(" The answer: ", make("b", {}, spec.answer), ".");
  root.replaceChildren(said);
  if (answer !== spec.answer) {
    course.record.change((data) => {
      data.predictions[spec.key] = { ...data.predictions[spec.key], answer: spec.answer };
    });
  }
};

kinds.quiz = (spec, root) => {
  root.replaceChildren(make("p", {}, make("b", {}, spec.title)));
  spec.questions.forEach((question, place) => {
    const form = questionGroup(question.html, question.options, `Check answer ${place + 1}`);
    form.button.addEventListener("click", () => {
      const choice = form.chosen();
      if (choice < 0) {
        setHtml(form.region, "Choose an answer first.");
        return;
      }
      const { right, why } = unveil(question.veiled)[choice];
      course.record.tried("quiz", [spec.lesson, question.id], right);
      setHtml(form.region, `<b>${right ? "✓ Right" : "✗ Not right"}.</b> ${why}`);
    });
    setHtml(form.region, triedBefore(course.record.read().quiz[spec.lesson]?.[question.id]));
    root.append(form.group);
  });
};

// The learner's record was begun anew in the kernel: begin it anew here, too.
kinds.reset = (spec) => course.record.begin(spec.begun);
