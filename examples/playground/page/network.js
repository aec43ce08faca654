// What does the net look like? Each unit with its own plane, each weight a line: blue above 0, orange below.

import { CLASSES, css, marker, paper, sharp, signed } from "./colors.js";
import { element } from "./elements.js";
import { nearestLine, place } from "./geometry.js";
import { unitSentence, weightSentence } from "./sentences.js";

const MOST_LINES = 260; // between two layers; of more weights the largest are drawn

/** The drawing in `frame`. It calls `on.unit(layer, unit)`, or `on.unit(null)`, `on.told(text)`, `on.width(layer, by)`. */
export function network(frame, on) {
  frame.innerHTML = `<canvas class="lines" aria-hidden="true"></canvas><div class="units"></div>`;
  const [canvas, units] = frame.children;
  let drawn = null; // { net, layers, seen, lines, pointed, sentence }: what is on the page

  function build(net) {
    const focused = units.contains(document.activeElement) && document.activeElement.ariaLabel;
    units.replaceChildren();
    const layers = place(net.widths, frame.clientWidth);
    frame.style.height = `${layers.height}px`;
    drawn = { net, layers, seen: null };
    on.told("Point at a unit or at a line to read its formula and its number.");
    layers.columns.forEach((column, layer) => {
      units.append(head(column, layer));
      column.units.forEach((spot, unit) => units.append(picture(column, spot, layer, unit)));
    });
    if (focused) units.querySelector(`[aria-label="${focused}"]`)?.focus();
  }

  function head(column, layer) {
    const { net } = drawn;
    const box = element("div", { className: "head" });
    box.style.left = `${column.x}px`;
    const last = net.widths.length - 1;
    if (layer === 0 || layer === last) {
      box.textContent = layer === 0 ? "Features" : "Output";
      return box;
    }
    const change = (by, label, sign) => {
      const button = element("button", { type: "button", textContent: sign, title: label });
      button.setAttribute("aria-label", `${label} in layer ${layer}`);
      button.onclick = () => on.width(layer - 1, by);
      return button;
    };
    const number = element("span", { textContent: net.widths[layer] });
    box.append(change(-1, "One unit less", "−"), number, change(+1, "One unit more", "+"));
    return box;
  }

  function picture(column, spot, layer, unit) {
    const button = element("button", { type: "button", className: "unit" }, element("canvas"));
    Object.assign(button.style, { left: `${spot.x}px`, top: `${spot.y}px`, width: `${column.size}px`, height: `${column.size}px` });
    button.setAttribute("aria-describedby", "told");
    const enter = () => {
      on.unit(layer, unit);
      tell(() => unitSentence(drawn, layer, unit));
    };
    const leave = () => on.unit(null);
    Object.assign(button, { onpointerenter: enter, onfocus: enter, onclick: enter, onpointerleave: leave, onblur: leave });
    button.dataset.layer = layer;
    button.dataset.unit = unit;
    return button;
  }

  /** Say a sentence, now and whenever its numbers have changed. */
  function tell(sentence) {
    drawn.sentence = sentence;
    on.told(sentence());
  }

  function paintUnits() {
    const { net, layers, seen } = drawn;
    const ground = paper();
    const last = net.widths.length - 1;
    for (const button of units.querySelectorAll(".unit")) {
      const [layer, unit] = [Number(button.dataset.layer), Number(button.dataset.unit)];
      const column = layers.columns[layer];
      const isStill = layer > 0 && layer < last && seen?.still[layer - 1].includes(unit);
      button.classList.toggle("dead", Boolean(isStill));
      button.setAttribute("aria-label", label(net, layer, unit, isStill));
      if (layer === last) paintOutput(button, unit, ground);
      else thumbnail(button.firstChild, values(layer, unit), net.small, ground.paper, column.size);
    }
  }

  const label = (net, layer, unit, isStill) => {
    if (layer === 0) return `Feature ${net.names[unit]}`;
    if (layer === net.widths.length - 1) return `Output ${unit + 1}`;
    return `Layer ${layer}, unit ${unit + 1}${isStill ? ", dead: the same for every point" : ""}`;
  };

  function values(layer, unit) {
    const { net, seen } = drawn;
    const all = layer === 0 ? net.inputs : seen?.units[layer - 1];
    const area = net.small ** 2;
    return all?.subarray(unit * area, (unit + 1) * area);
  }

  function paintOutput(button, unit, ground) {
    const { pen, width } = sharp(button.firstChild);
    const color = drawn.net.isNumber ? ground.ink : CLASSES[unit];
    marker(pen, drawn.net.isNumber ? 0 : unit, width / 2, width / 2, 0.3 * width, css(color), css(ground.paper));
  }

  function paintLines() {
    const { net, layers, seen } = drawn;
    const { pen } = sharp(canvas);
    const ground = paper();
    drawn.lines = [];
    for (let layer = 1; layer < net.widths.length; layer++) {
      const { w } = seen.weights[layer - 1];
      const size = Math.max(1e-9, ...w.map(Math.abs));
      const order = strongest(w, MOST_LINES);
      for (const i of order) {
        const [from, to] = [Math.floor(i / net.widths[layer]), i % net.widths[layer]];
        const line = { layer, from, to, ...layers.line(layer, from, to) };
        const share = Math.abs(w[i]) / size;
        pen.strokeStyle = css(signed(w[i] > 0 ? 1 : -1, ground.paper), (0.12 + 0.78 * share) * (w.length > MOST_LINES ? 0.55 : 1));
        pen.lineWidth = 0.6 + 3.4 * share * (w.length > 200 ? 0.6 : 1);
        if (drawn.pointed?.layer === layer && drawn.pointed.from === from && drawn.pointed.to === to) {
          pen.strokeStyle = css(ground.ink);
        }
        pen.beginPath();
        pen.moveTo(line.x0, line.y0);
        pen.bezierCurveTo((line.x0 + line.x1) / 2, line.y0, (line.x0 + line.x1) / 2, line.y1, line.x1, line.y1);
        pen.stroke();
        drawn.lines.push(line);
      }
    }
  }

  function point(event) {
    if (!drawn?.seen || event.target.closest("button")) return;
    const box = frame.getBoundingClientRect();
    const line = nearestLine(drawn.lines, event.clientX - box.left, event.clientY - box.top, 6);
    if (!line && !drawn.pointed) return;
    drawn.pointed = line;
    if (line) tell(() => weightSentence(drawn, line));
    paintLines();
  }
  frame.addEventListener("pointermove", point);
  frame.addEventListener("pointerdown", point);
  frame.addEventListener("pointerleave", () => {
    if (!drawn?.pointed) return;
    drawn.pointed = null;
    paintLines();
  });

  return {
    build,
    values,
    paint(seen) {
      if (!drawn) return;
      if (seen) drawn.seen = seen;
      paintUnits();
      if (drawn.seen) paintLines();
      if (drawn.seen && drawn.sentence) on.told(drawn.sentence());
    },
    rebuild() {
      if (!drawn) return;
      const { net, seen } = drawn;
      build(net);
      this.paint(seen);
    },
  };
}

/** The indices of the largest entries, the largest last, so that they are drawn over the others. */
function strongest(w, most) {
  const order = Array.from(w.keys()).sort((a, b) => Math.abs(w[a]) - Math.abs(w[b]));
  return order.slice(-most);
}

/** A unit's own plane: what it gives, orange to blue, on its own scale. */
function thumbnail(canvas, values, side, ground, size) {
  canvas.width = canvas.height = side;
  canvas.style.width = canvas.style.height = `${size}px`;
  if (!values) return;
  const image = new ImageData(side, side);
  const scale = Math.max(1e-6, ...values.map(Math.abs));
  values.forEach((x, i) => image.data.set([...signed(x / scale, ground), 255], 4 * i));
  canvas.getContext("2d").putImageData(image, 0, 0);
}
