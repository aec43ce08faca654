// What does each problem look like, small? A sketch of its points on the button that chooses it.

import { CLASSES, css, paper, sharp, signed } from "./colors.js";

const turn = 2 * Math.PI;
const many = (count, point) => Array.from({ length: count }, (_, i) => point(i / count, i));
const field = (height) => many(49, (_, i) => {
  const [x, y] = [(i % 7) / 3 - 1, Math.floor(i / 7) / 3 - 1];
  return [0.85 * x, 0.85 * y, height(x, y)];
});

const POINTS = {
  spiral: () => [0, 1, 2].flatMap((c) => many(13, (t) => [t * Math.sin(turn * (c / 3 + 0.8 * t)), t * Math.cos(turn * (c / 3 + 0.8 * t)), c])),
  circles: () => [...many(9, (t) => [0.25 * Math.cos(turn * t), 0.25 * Math.sin(turn * t), 0]), ...many(20, (t) => [0.8 * Math.cos(turn * t), 0.8 * Math.sin(turn * t), 1])],
  moons: () => [0, 1].flatMap((c) => many(12, (t) => [(c ? 0.3 : -0.3) + 0.6 * Math.cos(turn * t / 2), (c ? -1 : 1) * (0.7 * Math.sin(turn * t / 2) - 0.15), c])),
  xor: () => field((x, y) => (x * y < 0 ? 1 : 0)).filter(([x, y]) => x && y),
  blobs: () => [0, 1, 2].flatMap((c) => many(9, (t, i) => [0.6 * Math.sin(turn * c / 3) + 0.09 * (i % 3 - 1) * 2, 0.6 * Math.cos(turn * c / 3) + 0.09 * (Math.floor(i / 3) - 1) * 2, c])),
  plane: () => field((x, y) => (x + y) / 2),
  hills: () => field((x, y) => Math.sin(3 * x) * Math.cos(2.5 * y)),
  own: () => [[-0.5, 0.3, 0], [0.1, -0.4, 1], [0.55, 0.5, 0]],
};

/** Draw the sketch of a problem, whose answers are numbers or classes. */
export function sketch(canvas, name, isNumber) {
  const { pen, width } = sharp(canvas);
  const ground = paper().paper;
  for (const [x, y, value] of POINTS[name]()) {
    pen.fillStyle = css(isNumber ? signed(value, ground) : CLASSES[value]);
    pen.beginPath();
    pen.arc((x + 1.15) / 2.3 * width, (1.15 - y) / 2.3 * width, name === "own" ? 3 : 1.7, 0, turn);
    pen.fill();
  }
}
