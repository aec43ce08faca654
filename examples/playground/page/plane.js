// What does the net answer in the plane? The colours between the points, the boundary, and the points.

import { CLASSES, css, marker, mixed, paper, sharp, signed } from "./colors.js";

const SIDE = 240; // pixels that are coloured, between which the canvas smooths

/** Values on a square grid, at any place in it, by bilinear interpolation. */
function between(values, side, depth) {
  const place = (i) => {
    const at = Math.min(side - 1, Math.max(0, (i + 0.5) / SIDE * side - 0.5));
    const low = Math.min(side - 2, Math.floor(at));
    return [low, at - low];
  };
  const places = Array.from({ length: SIDE }, (_, i) => place(i));
  return (row, column, into) => {
    const [r, dr] = places[row];
    const [c, dc] = places[column];
    const corner = (r * side + c) * depth;
    const below = corner + side * depth;
    for (let k = 0; k < depth; k++) {
      const top = values[corner + k] * (1 - dc) + values[corner + depth + k] * dc;
      const bottom = values[below + k] * (1 - dc) + values[below + depth + k] * dc;
      into[k] = top * (1 - dr) + bottom * dr;
    }
  };
}

/** Softmax in place, and which is the largest. */
function probabilities(z) {
  let best = 0;
  for (let k = 1; k < z.length; k++) if (z[k] > z[best]) best = k;
  const top = z[best];
  let sum = 0;
  for (let k = 0; k < z.length; k++) sum += z[k] = Math.exp(z[k] - top);
  for (let k = 0; k < z.length; k++) z[k] /= sum;
  return best;
}

const STRENGTH = 0.62; // of the colours, so that the points stand out

/** The picture of the answers: of classes their colours mixed by probability, of one number orange to blue. */
export function picture(values, side, depth, isNumber, ground) {
  const image = new ImageData(SIDE, SIDE);
  const winners = new Uint8Array(SIDE * SIDE);
  const at = between(values, side, depth);
  const z = new Float64Array(depth);
  for (let row = 0, i = 0; row < SIDE; row++) {
    for (let column = 0; column < SIDE; column++, i++) {
      at(row, column, z);
      let color;
      if (isNumber) {
        color = signed(0.8 * z[0], ground);
        winners[i] = z[0] > 0;
      } else {
        winners[i] = probabilities(z);
        color = [0, 1, 2].map((part) => z.reduce((sum, p, k) => sum + p * CLASSES[k][part], 0));
        color = mixed(ground, color, STRENGTH * Math.max(0.25, (z[winners[i]] * depth - 1) / (depth - 1)));
      }
      image.data.set([color[0], color[1], color[2], 255], 4 * i);
    }
  }
  return { image, winners };
}

/** Draw a line where the winner changes. */
function boundary({ image, winners }, ink) {
  for (let i = 0; i < winners.length - SIDE - 1; i++) {
    if (winners[i] === winners[i + 1] && winners[i] === winners[i + SIDE]) continue;
    if ((i + 1) % SIDE === 0) continue;
    for (let k = 0; k < 3; k++) image.data[4 * i + k] += 0.55 * (ink[k] - image.data[4 * i + k]);
  }
}

const sheet = typeof OffscreenCanvas === "function" ? new OffscreenCanvas(SIDE, SIDE) : Object.assign(document.createElement("canvas"), { width: SIDE, height: SIDE });

/** Draw answers, boundary and points. `shown` is what `begun` and the last `frame` told, `unit` a unit's own plane. */
export function drawPlane(canvas, { answers, grid, small, outputs, edge, points, isNumber, unit, withFresh }) {
  const theme = paper();
  const { pen, width } = sharp(canvas);
  if (answers) {
    const made = unit ? picture(unit.values, small, 1, true, theme.paper) : picture(answers, grid, outputs, isNumber, theme.paper);
    if (!isNumber && !unit) boundary(made, theme.ink);
    sheet.getContext("2d").putImageData(made.image, 0, 0);
    pen.imageSmoothingQuality = "high";
    pen.drawImage(sheet, 0, 0, width, width);
  }
  const place = (x) => (x + edge) / (2 * edge) * width;
  const radius = Math.max(2.6, width / 110);
  pen.lineWidth = 1;
  points?.forEach((set, which) => {
    if (which && !withFresh) return;
    for (let i = 0; i < set.y.length; i++) {
      const color = isNumber ? signed(set.y[i], theme.paper) : CLASSES[set.y[i]];
      const [fill, stroke] = which ? [css(theme.paper, 0.85), css(color)] : [css(color), css(theme.paper, 0.95)];
      marker(pen, isNumber ? 0 : set.y[i], place(set.x[2 * i]), place(-set.x[2 * i + 1]), radius, fill, stroke);
    }
  });
}

/** The point of the plane under a mouse. */
export function pointAt(canvas, event, edge) {
  const box = canvas.getBoundingClientRect();
  const scaled = (part, size) => Number((part / size * 2 * edge - edge).toFixed(2));
  return [scaled(event.clientX - box.left, box.width), -scaled(event.clientY - box.top, box.height)];
}
