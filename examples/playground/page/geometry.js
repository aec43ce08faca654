// Where does each unit stand, and which line is near a place?

const HEAD = 38;
const GAP = 0.18; // between units, of their size

/** How large the units of a layer are, and in how many columns they stand. */
const shape = (width) => {
  const columns = width <= 8 ? 1 : width <= 16 ? 2 : width <= 32 ? 4 : 8;
  const size = [0, 46, 44, 0, 36, 0, 0, 0, 26][columns];
  return { columns, size, rows: Math.ceil(width / columns) };
};

/** The columns of a net of these widths in a frame so wide, and the line between two units. */
export function place(widths, total) {
  const shapes = widths.map(shape);
  const across = ({ columns, size }) => columns * size * (1 + GAP) - size * GAP;
  const room = total - 8 - shapes.reduce((sum, each) => sum + across(each), 0);
  const shrink = room < 22 * widths.length ? Math.max(0.3, (total - 8 - 22 * widths.length) / (total - 8 - room)) : 1;
  shapes.forEach((each) => (each.size *= shrink));
  const between = (total - 8 - shapes.reduce((sum, each) => sum + across(each), 0)) / Math.max(1, widths.length - 1);
  const tallest = Math.max(...shapes.map(({ rows, size }) => rows * size * (1 + GAP)), 120);
  let left = 4;
  const columns = shapes.map((each, layer) => {
    const step = each.size * (1 + GAP);
    const top = HEAD + (tallest - each.rows * step + each.size * GAP) / 2;
    const units = Array.from({ length: widths[layer] }, (_, i) => ({
      x: left + Math.floor(i / each.rows) * step, y: top + (i % each.rows) * step }));
    const column = { ...each, units, left, right: left + across(each), x: left + across(each) / 2 };
    left += across(each) + between;
    return column;
  });
  const line = (layer, from, to) => {
    const [a, b] = [columns[layer - 1], columns[layer]];
    return { x0: a.units[from].x + a.size, y0: a.units[from].y + a.size / 2,
      x1: b.units[to].x, y1: b.units[to].y + b.size / 2 };
  };
  return { columns, line, height: HEAD + tallest + 8 };
}

/** The line that passes a place within some pixels, or null. */
export function nearestLine(lines, x, y, within) {
  let best = null;
  for (const line of lines ?? []) {
    const off = Math.abs(heightAt(line, x) - y);
    if (x >= line.x0 && x <= line.x1 && off < (best?.off ?? within)) best = { line, off };
  }
  return best?.line ?? null;
}

/** How high a curve is at x: its own x grows with t, which is found by halving. */
function heightAt({ x0, y0, x1, y1 }, x) {
  let [low, high] = [0, 1];
  for (let i = 0; i < 12; i++) {
    const t = (low + high) / 2;
    const s = 1 - t;
    const there = s ** 3 * x0 + 3 * s * t * (x0 + x1) / 2 + t ** 3 * x1;
    if (there < x) low = t;
    else high = t;
  }
  const t = low;
  const s = 1 - t;
  return (s ** 3 + 3 * s * s * t) * y0 + (3 * s * t * t + t ** 3) * y1;
}
