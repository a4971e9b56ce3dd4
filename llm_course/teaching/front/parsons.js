// A Parsons puzzle: two lists of lines, the program and those left out. Buttons act on each line; with the focus on
// a line's button, Alt and an arrow key do the same. Every move is announced.

function render({ model, el: host }) {
  const spec = model.get("spec");
  const root = makeRoot(spec.title);
  const problem = makeRegion();
  const sender = makeSender(model, problem);
  const rows = spec.lines.map((text, index) => ({ text, index, level: 0 }));
  let out = []; // lines left out of the program; `rows` holds those in it
  const list = make("ol", { class: "lc-lines", "aria-label": "Lines of the program" });
  const outHead = make("p", { class: "lc-out-head" }, "Left out:");
  const outList = make("ul", { class: "lc-lines", "aria-label": "Lines left out" });
  const announce = make("div", { class: "lc-hidden", role: "status", "aria-live": "polite" });
  const region = makeRegion();

  const moves = {
    up: (_row, at) => { if (at > 0) [rows[at - 1], rows[at]] = [rows[at], rows[at - 1]]; },
    down: (_row, at) => { if (at < rows.length - 1) [rows[at + 1], rows[at]] = [rows[at], rows[at + 1]]; },
    in: (row) => { row.level = Math.min(row.level + 1, 6); },
    outdent: (row) => { row.level = Math.max(row.level - 1, 0); },
    leave: (row, at) => { rows.splice(at, 1); out.push(row); },
    back: (row) => { out = out.filter((other) => other !== row); rows.push(row); },
  };
  const inProgram = [["up", "↑", "Move up"], ["down", "↓", "Move down"], ["outdent", "←", "Indent less"],
    ["in", "→", "Indent more"], ["leave", "✕", "Leave out"]];
  const outside = [["back", "+", "Put back"]];
  const keys = { ArrowUp: "up", ArrowDown: "down", ArrowLeft: "outdent", ArrowRight: "in" };

  function act(row, move, button) {
    moves[move](row, rows.indexOf(row));
    draw();
    const at = rows.indexOf(row);
    announce.textContent = at < 0 ? `${row.text}: left out`
      : `${row.text}: line ${at + 1} of ${rows.length}, indented by ${row.level}`;
    // The focus stays with the line, so that a key can be pressed again and again.
    const place = root.querySelector(`li[data-index="${row.index}"]`);
    (place.querySelector(`button[data-move="${button}"]`) || place.querySelector("button")).focus();
  }

  function item(row, buttons) {
    const code = make("code", { style: `margin-left:${row.level * 2.4}em` }, row.text);
    const bar = make("span", { class: "lc-buttons" });
    for (const [move, sign, name] of buttons) {
      const button = make("button", { type: "button", title: name, "data-move": move,
        "aria-label": `${name}: ${row.text}` }, sign);
      button.addEventListener("click", () => act(row, move, move));
      bar.append(button);
    }
    const line = make("li", { "data-index": String(row.index) }, bar, code);
    line.addEventListener("keydown", (event) => {
      const move = keys[event.key];
      if (!move || !event.altKey || out.includes(row)) return;
      event.preventDefault();
      act(row, move, document.activeElement?.dataset.move);
    });
    return line;
  }

  function draw() {
    list.replaceChildren(...rows.map((row) => item(row, inProgram)));
    outList.replaceChildren(...out.map((row) => item(row, outside)));
    outHead.hidden = out.length === 0;
  }

  const button = make("button", { type: "button" }, "Check the program");
  button.addEventListener("click", () => sender.send({ answer: rows.map((row) => [row.index, row.level]) }));
  root.append(makeHtml("p", spec.html), make("p", { class: "lc-help" },
    "Keys: Tab to a line, then Alt with an arrow key moves or indents it."),
  list, outHead, outList, button, region, announce, problem);
  const onState = () => setHtml(region, model.get("state").feedback[0]);
  model.on("change:state", onState);
  onState();
  draw();
  host.append(root);
  return () => {
    sender.stop();
    model.off("change:state", onState);
  };
}

export default { render };
