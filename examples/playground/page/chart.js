// How did the loss fall? A line for the points it trains on, a dashed one for fresh points.

import { css, paper, sharp } from "./colors.js";

const MOST = 600; // moments that are kept

/** The history with one moment more; every second one is let go when there are too many. */
export function remembered(history, moment) {
  const all = [...history, moment];
  return all.length > MOST ? all.filter((_, i) => i % 2 === 0 || i === all.length - 1) : all;
}

const nice = (x) => {
  const power = 10 ** Math.floor(Math.log10(x));
  return [1, 2, 5, 10].map((each) => each * power).find((each) => each >= x);
};

/** Draw the losses of a history of {step, losses: [train, fresh]}. */
export function drawChart(canvas, history) {
  const { ink, muted, line } = paper();
  const { pen, width, height } = sharp(canvas);
  const [left, right, top, bottom] = [30, 44, 8, 20];
  const finite = history.filter(({ losses }) => losses.length && losses.every(Number.isFinite));
  const sorted = finite.flatMap(({ losses }) => losses).sort((a, b) => a - b);
  const high = nice(Math.max(0.1, sorted[Math.ceil(0.98 * (sorted.length - 1))] ?? 1));
  const last = Math.max(10, history.at(-1)?.step ?? 10);
  const x = (step) => left + step / last * (width - left - right);
  const y = (loss) => top + (1 - Math.min(1.02, loss / high)) * (height - top - bottom);
  pen.font = `11px ${getComputedStyle(document.body).fontFamily}`;
  pen.lineWidth = 1;
  pen.textBaseline = "middle";
  for (const tick of [0, high / 2, high]) {
    pen.strokeStyle = css(line);
    pen.beginPath();
    pen.moveTo(left, Math.round(y(tick)) + 0.5);
    pen.lineTo(width - right, Math.round(y(tick)) + 0.5);
    pen.stroke();
    pen.fillStyle = css(muted);
    pen.textAlign = "right";
    pen.fillText(Number(tick.toPrecision(2)), left - 6, y(tick));
  }
  pen.fillText(`${last.toLocaleString("en")} steps`, width - right, height - 7);
  pen.textAlign = "left";
  pen.fillText("0", left, height - 7);
  const ends = [];
  [[1, [4, 3], muted, "fresh"], [0, [], ink, "train"]].forEach(([which, dash, color, name]) => {
    const known = finite.filter(({ losses }) => losses.length > which);
    if (known.length < 2) return;
    pen.strokeStyle = pen.fillStyle = css(color);
    pen.lineWidth = 1.75;
    pen.lineJoin = "round";
    pen.setLineDash(dash);
    pen.beginPath();
    known.forEach(({ step, losses }, i) => (i ? pen.lineTo : pen.moveTo).call(pen, x(step), y(losses[which])));
    pen.stroke();
    ends.push({ name, color, y: y(known.at(-1).losses[which]) });
  });
  pen.setLineDash([]);
  const [upper, lower] = ends.sort((a, b) => a.y - b.y);
  if (lower && lower.y - upper.y < 13) upper.y = Math.max(top, lower.y - 13);
  for (const end of ends) {
    pen.fillStyle = css(end.color);
    pen.fillText(end.name, width - right + 6, Math.min(height - bottom, Math.max(top, end.y)));
  }
}
