/** All pictures of a panel, as large as they are, side by side under their names in one PNG. */

import { font } from "./board.js";
import { make, pause } from "./dom.js";

/** @import { Explorer } from "./explorer.js" */

const GAP = 20;
const TITLE = 28;
// Browsers draw no larger pictures.
const LONGEST_SIDE = 16000;
const MOST_PIXELS = 4e7;

/** @param {Explorer} explorer @returns {Promise<void>} */
export async function savePicture(explorer) {
  const { boards } = explorer;
  const titled = boards.length > 1 ? TITLE : 0;
  const sizes = boards.map((board) => board.chart.size(board.el.clientWidth));
  const width = sizes.reduce((sum, [wide]) => sum + wide + GAP, -GAP);
  const height = Math.max(...sizes.map(([, high]) => high)) + titled;
  const ratio = Math.min(2, LONGEST_SIDE / width, LONGEST_SIDE / height, Math.sqrt(MOST_PIXELS / (width * height)));
  const canvas = make("canvas", {
    width: Math.max(1, Math.floor(width * ratio)),
    height: Math.max(1, Math.floor(height * ratio)),
  });
  const draw = () => drawAll(explorer, canvas, sizes, ratio, titled);
  draw();
  if (waits(boards)) {
    // a long text is read in slices: the picture is to show all of it
    while (waits(boards) && !explorer.signal.aborted && explorer.boards === boards) await pause(50);
    draw();
  }
  explorer.repaint();
  const name = `${explorer.view.tab === "compare" ? "compare " : ""}${explorer.matrix?.name ?? ""}`;
  canvas.toBlob((blob) => {
    const url = URL.createObjectURL(blob);
    make("a", { href: url, download: `attention-${name.replace(/[^a-z0-9]+/g, "-")}.png` }).click();
    setTimeout(() => URL.revokeObjectURL(url), 1000);
  });
}

function drawAll({ boards, colors }, canvas, sizes, ratio, titled) {
  const ctx = canvas.getContext("2d");
  ctx.fillStyle = colors.back;
  ctx.fillRect(0, 0, canvas.width, canvas.height);
  let x = 0;
  boards.forEach((board, n) => {
    const [width, height] = sizes[n];
    board.drawOn(canvas, width, height, 0, 0, ratio, x, titled);
    ctx.fillStyle = colors.front;
    ctx.font = font(14 * ratio, true);
    ctx.textBaseline = "middle";
    if (titled) ctx.fillText(board.title, (x + 4) * ratio, 14 * ratio, width * ratio);
    x += width + GAP;
  });
}

/** Whether something is still being read. */
const waits = (boards) =>
  boards.some((board) => [...(board.chart.content().matrix?.pooled.values() ?? [])].some((one) => !one.ready));
