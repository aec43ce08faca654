// What do the colours mean? The classes with their signs, or the scale of a number; of points put by hand the class.

import { CLASSES, css, marker, paper, sharp } from "./colors.js";
import { element } from "./elements.js";

/** A row of signs for so many classes; `own` has the chosen class and what happens on a choice and on "Clear". */
export function legend(box, { classes, isNumber, own, freshShown, redraw }) {
  const signs = Array.from({ length: isNumber ? 0 : classes }, (_, label) => (own ? choice(label, own) : meaning(label)));
  const scale = [element("span", { textContent: "−1" }), element("i", { className: "ramp" }), element("span", { textContent: "1" })];
  const clear = element("button", { textContent: "Clear", onclick: own?.clear });
  box.replaceChildren(...(isNumber ? scale : signs), own ? clear : fresh(freshShown, redraw));
  box.querySelectorAll("canvas").forEach((canvas, label) => {
    const { pen, width, height } = sharp(canvas);
    marker(pen, label, width / 2, height / 2, 4.5, css(CLASSES[label]), css(paper().paper));
  });
}

const meaning = (label) => element("span", { title: `Class ${label}` }, element("canvas"), String(label));

function choice(label, own) {
  const button = element("button", { title: `Class ${label}`, onclick: () => own.choose(label) }, element("canvas"));
  button.setAttribute("aria-label", `Put points of class ${label}`);
  button.setAttribute("aria-pressed", label === own.chosen);
  return button;
}

const fresh = (checked, redraw) => element("label", { className: "check" },
  element("input", { type: "checkbox", id: "with-fresh", checked, onchange: redraw }), "fresh points");
