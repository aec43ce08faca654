// Where does a hand put a point? By a click, or with the arrow keys and Enter.

const KEYS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, 1], ArrowDown: [0, -1] };
const STEP = 0.05;

const rounded = (x, edge) => Number(Math.max(-edge, Math.min(edge, x)).toFixed(2));

/** Calls `put([x1, x2])` for each point while `isOn()`, and `moved([x1, x2] | null)` for the place of the keys. */
export function pointing(canvas, edge, { isOn, put, moved }) {
  let place = null;
  const move = (to) => moved((place = to));

  canvas.addEventListener("click", (event) => {
    if (!isOn()) return;
    const box = canvas.getBoundingClientRect();
    const scaled = (part, size) => part / size * 2 * edge - edge;
    put([rounded(scaled(event.clientX - box.left, box.width), edge), rounded(-scaled(event.clientY - box.top, box.height), edge)]);
  });
  canvas.addEventListener("keydown", (event) => {
    if (!isOn() || !(event.key in KEYS || event.key === "Enter")) return;
    event.preventDefault();
    const [x1, x2] = place ?? [0, 0];
    if (event.key === "Enter") put([x1, x2]);
    else move(KEYS[event.key].map((by, i) => rounded([x1, x2][i] + STEP * by, edge)));
  });
  canvas.addEventListener("blur", () => place && move(null));
}
