// What does the net answer in the plane? The colours between the points, the boundary, and the points.

import { CLASSES, MINUS, PLUS, css, marker, paper, sharp, signed } from "./colors.js";

const SIDE = 300; // pixels that are coloured, between which the canvas smooths
const STRENGTH = 0.62; // of the colours, so that the points stand out

/** The values of a square grid at all pixels, by bilinear interpolation. */
function between(values, side, depth) {
  const places = Array.from({ length: SIDE }, (_, i) => {
    const at = Math.min(side - 1, Math.max(0, (i + 0.5) / SIDE * side - 0.5));
    const low = Math.min(side - 2, Math.floor(at));
    return { low, part: at - low };
  });
  const all = new Float32Array(SIDE * SIDE * depth);
  let i = 0;
  for (const row of places) {
    for (const column of places) {
      let corner = (row.low * side + column.low) * depth;
      for (let k = 0; k < depth; k++, corner++) {
        const below = corner + side * depth;
        const top = values[corner] + column.part * (values[corner + depth] - values[corner]);
        const bottom = values[below] + column.part * (values[below + depth] - values[below]);
        all[i++] = top + row.part * (bottom - top);
      }
    }
  }
  return all;
}

/** The picture of one number at each place: orange below 0, blue above, full at 1 and -1. */
function heights(values, side, ground) {
  const { image, data } = blank();
  const all = between(values, side, 1);
  for (let i = 0; i < all.length; i++) {
    const share = Math.min(1, Math.abs(all[i]));
    const color = all[i] < 0 ? MINUS : PLUS;
    for (let k = 0; k < 3; k++) data[4 * i + k] = ground[k] + share * (color[k] - ground[k]);
  }
  return image;
}

/** The picture of logits: the colours of the classes mixed by their probabilities, paler where it is unsure. */
function classes(z, side, depth, ground, ink) {
  const { image, data } = blank();
  const all = between(z, side, depth);
  const [winners, leads] = [new Uint8Array(SIDE * SIDE), new Float32Array(SIDE * SIDE)];
  for (let i = 0; i < winners.length; i++) {
    const first = i * depth;
    let best = 0;
    for (let k = 1; k < depth; k++) if (all[first + k] > all[first + best]) best = k;
    let [sum, next, red, green, blue] = [0, -Infinity, 0, 0, 0];
    for (let k = 0; k < depth; k++) {
      if (k !== best && all[first + k] > next) next = all[first + k];
      const p = Math.exp(all[first + k] - all[first + best]);
      sum += p;
      red += p * CLASSES[k][0];
      green += p * CLASSES[k][1];
      blue += p * CLASSES[k][2];
    }
    winners[i] = best;
    leads[i] = all[first + best] - next;
    const share = STRENGTH * Math.max(0.25, (depth / sum - 1) / (depth - 1));
    data[4 * i] = ground[0] + share * (red / sum - ground[0]);
    data[4 * i + 1] = ground[1] + share * (green / sum - ground[1]);
    data[4 * i + 2] = ground[2] + share * (blue / sum - ground[2]);
  }
  boundary(data, winners, leads, ink);
  return image;
}

function blank() {
  const image = new ImageData(SIDE, SIDE);
  image.data.fill(255);
  return { image, data: image.data };
}

/** Draw a line where the winner changes; how far it is from a pixel is known from how the lead falls on both sides. */
function boundary(data, winners, leads, ink) {
  for (let i = SIDE; i < winners.length - SIDE; i++) {
    let near = 1;
    for (const j of [i - 1, i + 1, i - SIDE, i + SIDE]) {
      if (winners[j] !== winners[i]) near = Math.min(near, leads[i] / (leads[i] + leads[j]));
    }
    if (near === 1 || i % SIDE === 0 || i % SIDE === SIDE - 1) continue;
    const share = 0.6 * Math.min(1, 1.3 - near);
    for (let k = 0; k < 3; k++) data[4 * i + k] += share * (ink[k] - data[4 * i + k]);
  }
}

const sheet = Object.assign(document.createElement("canvas"), { width: SIDE, height: SIDE });

/** Draw answers, boundary and points; instead of the answers a `unit`'s own plane, and a cross where the `cursor` is. */
export function drawPlane(canvas, { answers, grid, small, outputs, edge, points, isNumber, unit, withFresh, cursor }) {
  const theme = paper();
  const { pen, width } = sharp(canvas);
  if (answers) {
    const image = unit ? heights(unit, small, theme.paper) : isNumber ? heights(answers, grid, theme.paper)
      : classes(answers, grid, outputs, theme.paper, theme.ink);
    sheet.getContext("2d").putImageData(image, 0, 0);
    pen.imageSmoothingQuality = "high";
    pen.drawImage(sheet, 0, 0, width, width);
  }
  const place = (x) => (x + edge) / (2 * edge) * width;
  const radius = Math.max(2.6, width / 110) * (points?.[0].y.length < 60 ? 1.6 : 1);
  pen.lineWidth = 1;
  points?.forEach((set, which) => {
    if (which && !withFresh) return;
    for (let i = 0; i < set.y.length; i++) {
      const color = isNumber ? signed(set.y[i], theme.paper) : CLASSES[set.y[i]];
      const [fill, stroke] = which ? [css(theme.paper, 0.85), css(color)] : [css(color), css(theme.paper, 0.95)];
      marker(pen, isNumber ? 0 : set.y[i], place(set.x[2 * i]), place(-set.x[2 * i + 1]), radius, fill, stroke);
    }
  });
  if (!cursor) return;
  const [x, y] = [place(cursor[0]), place(-cursor[1])];
  pen.strokeStyle = css(theme.ink);
  pen.lineWidth = 2;
  pen.beginPath();
  for (const [dx, dy] of [[9, 0], [0, 9]]) {
    pen.moveTo(x - dx, y - dy);
    pen.lineTo(x + dx, y + dy);
  }
  pen.stroke();
}
