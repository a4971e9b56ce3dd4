// A Parsons puzzle: put lines in order, indent them, leave out those that do not belong. Lines are dragged by mouse,
// pen or finger, sideways to indent; with the focus on a line, Alt and an arrow key do the same, Delete leaves it out.

// Pixels of sideways dragging that make one level of indentation.
const STEP = 28;
const DEEPEST = 6;

kinds.parsons = (spec, root) => {
  const rows = spec.lines.map((text, index) => ({ text, index, level: 0 }));
  // Lines left out of the program; `rows` holds those in it.
  let out = [];
  const list = make("ol", { class: "lc-lines", "aria-label": "Lines of the program" });
  const outHead = make("p", { class: "lc-out-head" }, "Left out:");
  const outList = make("ul", { class: "lc-lines lc-left-out", "aria-label": "Lines left out" });
  const announce = make("div", { class: "lc-hidden", role: "status", "aria-live": "polite" });
  const region = makeRegion();

  const moves = {
    up: (_, at) => { if (at > 0) [rows[at - 1], rows[at]] = [rows[at], rows[at - 1]]; },
    down: (_, at) => { if (at < rows.length - 1) [rows[at + 1], rows[at]] = [rows[at], rows[at + 1]]; },
    in: (row) => { row.level = Math.min(row.level + 1, DEEPEST); },
    outdent: (row) => { row.level = Math.max(row.level - 1, 0); },
    leave: (row, at) => { rows.splice(at, 1); out.push(row); },
    back: (row) => { out = out.filter((other) => other !== row); row.level = 0; rows.push(row); },
  };
  const keys = { ArrowUp: "up", ArrowDown: "down", ArrowLeft: "outdent", ArrowRight: "in" };

  function where(row) {
    const at = rows.indexOf(row);
    return at < 0 ? "left out" : `line ${at + 1} of ${rows.length}, indented by ${row.level}`;
  }

  function act(row, move) {
    moves[move](row, rows.indexOf(row));
    changed(row);
    // The focus stays with the line, so that a key can be pressed again and again.
    root.querySelector(`li[data-index="${row.index}"]`).focus();
  }

  function changed(row) {
    setHtml(region, "");
    draw();
    announce.textContent = `${row.text}: ${where(row)}`;
  }

  // Where a dragged line would go: before the first line whose middle lies below the pointer.
  function placeAt(y, row) {
    const others = [...list.children].filter((line) => Number(line.dataset.index) !== row.index);
    const at = others.findIndex((line) => {
      const box = line.getBoundingClientRect();
      return y < box.top + box.height / 2;
    });
    return at < 0 ? others.length : at;
  }

  function drag(event, row, line) {
    if (event.button !== 0 || event.target.closest("button")) return;
    const start = { x: event.clientX, y: event.clientY, level: row.level };
    let moved = false;
    const move = (now) => {
      if (!moved && Math.hypot(now.clientX - start.x, now.clientY - start.y) < 5) return;
      moved = true;
      line.classList.add("lc-dragged");
      line.style.transform = `translate(${now.clientX - start.x}px, ${now.clientY - start.y}px)`;
    };
    const end = (now) => {
      line.removeEventListener("pointermove", move);
      line.removeEventListener("pointerup", end);
      line.removeEventListener("pointercancel", end);
      line.classList.remove("lc-dragged");
      line.style.transform = "";
      if (!moved || now.type === "pointercancel") return;
      const outside = out.length > 0 && now.clientY > outHead.getBoundingClientRect().top;
      const at = placeAt(now.clientY, row);
      if (rows.includes(row)) rows.splice(rows.indexOf(row), 1);
      out = out.filter((other) => other !== row);
      if (outside) {
        out.push(row);
      } else {
        rows.splice(at, 0, row);
        const level = start.level + Math.round((now.clientX - start.x) / STEP);
        row.level = Math.min(Math.max(level, 0), DEEPEST);
      }
      changed(row);
    };
    line.setPointerCapture(event.pointerId);
    line.addEventListener("pointermove", move);
    line.addEventListener("pointerup", end);
    line.addEventListener("pointercancel", end);
  }

  function item(row) {
    const inside = rows.includes(row);
    const code = make("code", { style: `margin-left:${inside ? row.level * 1.8 : 0}em` }, row.text);
    const name = inside ? "Leave out" : "Put back";
    const button = make("button", { type: "button", title: name, "aria-label": `${name}: ${row.text}` },
      inside ? "✕" : "+");
    button.addEventListener("click", () => act(row, inside ? "leave" : "back"));
    const line = make("li", { "data-index": String(row.index), tabindex: "0", role: "listitem",
      "aria-label": `${row.text}, ${where(row)}` }, make("span", { class: "lc-grip", "aria-hidden": "true" }, "⠿"),
    code, button);
    line.addEventListener("pointerdown", (event) => drag(event, row, line));
    line.addEventListener("keydown", (event) => {
      const move = event.altKey ? keys[event.key] : { Delete: inside && "leave", Insert: !inside && "back" }[event.key];
      if (!move) return;
      // of a line that is left out, too: Alt and an arrow would leave the page
      event.preventDefault();
      if (inside || move === "back") act(row, move);
    });
    return line;
  }

  function draw() {
    list.replaceChildren(...rows.map(item));
    outList.replaceChildren(...out.map(item));
    outHead.hidden = out.length === 0;
  }

  const button = make("button", { type: "button" }, "Check the program");
  button.addEventListener("click", () => {
    const { program, reasons, explain } = unveil(spec.veiled);
    const mistake = diagnose(program, reasons, rows.map((row) => [row.text, row.level]));
    course.record.tried("parsons", [spec.lesson], mistake === null);
    const said = mistake === null ? "<b>✓ Right.</b> " : "<b>✗ Not yet.</b> ";
    setHtml(region, said + inline(mistake === null ? explain : mistake));
  });
  root.replaceChildren(makeHtml("p", spec.html), make("p", { class: "lc-help" },
    "Drag a line up or down to move it, and to the right to indent it. By keyboard: Tab to a line, then Alt with an "
    + "arrow key; Delete leaves it out, Insert puts it back."),
  list, outHead, outList, button, region, announce);
  setHtml(region, triedBefore(course.record.read().parsons[spec.lesson]));
  draw();
};

// Text as HTML: escaped, with `code` between backticks set as code.
function inline(text) {
  const safe = make("span", {}, text).innerHTML;
  return safe.replaceAll("\n", "<br>").replace(/`([^`]+)`/g, "<code>$1</code>");
}

// The first mistake of an answer, in the words of one who helps; null if there is none. In this order: a line that does
// not belong, a wrong order, lines that are missing, a wrong indentation. A line is [text, level]; a reason is
// [text, level, why].
function diagnose(program, reasons, answer) {
  const texts = program.map(([text]) => text);
  const why = ([text, level]) => reasons.find((one) => one[0] === text && one[1] === level)?.[2];
  if (answer.length === 0) return "No line is in the program yet.";
  for (const [text] of answer) {
    const elsewhere = reasons.find((one) => one[0] === text && !texts.includes(text));
    if (elsewhere) return `\`${text}\` does not belong here. ${elsewhere[2]}`;
  }
  for (let at = 0; at < Math.min(answer.length, texts.length); at += 1) {
    if (answer[at][0] === texts[at]) continue;
    const line = `Line ${at + 1}, \`${answer[at][0]}\`,`;
    if (why(answer[at])) return `${line} is not in its place. ${why(answer[at])}`;
    const start = ["", "The first line is right. "][at] ?? `The first ${at} lines are right. `;
    return `${start}${line} cannot stand there yet. What has to come before it?`;
  }
  const short = texts.length - answer.length;
  if (short > 0) return `So far it is right, and ${short === 1 ? "one line is" : `${short} lines are`} still missing.`;
  for (let at = 0; at < texts.length; at += 1) {
    const [text, level] = answer[at];
    if (level === program[at][1]) continue;
    const line = `The order is right. Line ${at + 1}, \`${text}\`,`;
    if (why(answer[at])) return `${line} is not under the right line. ${why(answer[at])}`;
    return `${line} is indented by ${level} ${level === 1 ? "level" : "levels"}. Which line does it belong under?`;
  }
  return null;
}
