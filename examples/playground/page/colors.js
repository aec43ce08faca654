// Which colour and which sign has a class, a weight, a number? Okabe and Ito's colours, which all eyes tell apart.

export const CLASSES = [[0, 114, 178], [230, 159, 0], [0, 158, 115], [204, 121, 167], [86, 180, 233]];
export const [PLUS, MINUS] = CLASSES;

export const css = ([r, g, b], alpha = 1) => `rgba(${Math.round(r)}, ${Math.round(g)}, ${Math.round(b)}, ${alpha})`;

export const mixed = (a, b, share) => a.map((each, i) => each + (b[i] - each) * share);

/** The paper, ink and lines of the theme as numbers. */
export function paper() {
  const style = getComputedStyle(document.documentElement);
  const numbers = (name) => style.getPropertyValue(name).match(/[\d.]+/g).map(Number);
  return { paper: numbers("--panel-rgb"), ink: numbers("--ink-rgb"), muted: numbers("--muted-rgb"), line: numbers("--line-rgb") };
}

/** The colour of a number from -1 to 1: orange below 0, blue above, the paper at 0. */
export const signed = (x, ground) => mixed(ground, x < 0 ? MINUS : PLUS, Math.min(1, Math.abs(x)));

const SHAPES = [
  (pen, r) => pen.arc(0, 0, r, 0, 2 * Math.PI),
  (pen, r) => pen.rect(-0.85 * r, -0.85 * r, 1.7 * r, 1.7 * r),
  (pen, r) => polygon(pen, [[0, -1.15], [1.1, 0.85], [-1.1, 0.85]], r),
  (pen, r) => polygon(pen, [[0, -1.3], [1.1, 0], [0, 1.3], [-1.1, 0]], r),
  (pen, r) => polygon(pen, [[-0.4, -1.1], [0.4, -1.1], [0.4, -0.4], [1.1, -0.4], [1.1, 0.4], [0.4, 0.4], [0.4, 1.1],
    [-0.4, 1.1], [-0.4, 0.4], [-1.1, 0.4], [-1.1, -0.4], [-0.4, -0.4]], r),
];

function polygon(pen, corners, r) {
  corners.forEach(([x, y], i) => (i ? pen.lineTo(x * r, y * r) : pen.moveTo(x * r, y * r)));
  pen.closePath();
}

/** Draw the sign of a class: each has a shape of its own, for those who do not see its colour. */
export function marker(pen, label, x, y, r, fill, stroke) {
  pen.save();
  pen.translate(x, y);
  pen.beginPath();
  SHAPES[label % SHAPES.length](pen, r);
  pen.fillStyle = fill;
  pen.strokeStyle = stroke;
  pen.fill();
  pen.stroke();
  pen.restore();
}

/** A canvas as sharp as the screen: its pen, in CSS pixels, and its size. */
export function sharp(canvas) {
  const ratio = Math.min(3, devicePixelRatio || 1);
  const { clientWidth: width, clientHeight: height } = canvas;
  if (canvas.width !== Math.round(width * ratio) || canvas.height !== Math.round(height * ratio)) {
    canvas.width = Math.round(width * ratio);
    canvas.height = Math.round(height * ratio);
  }
  const pen = canvas.getContext("2d");
  pen.setTransform(ratio, 0, 0, ratio, 0, 0);
  pen.clearRect(0, 0, width, height);
  return { pen, width, height };
}
