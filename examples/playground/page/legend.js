// What do the colours mean? The classes with their signs, or the scale of a number; of points put by hand the class.

import { CLASSES, css, marker, paper, sharp } from "./colors.js";

const made = (tag, properties, ...children) => {
  const element = Object.assign(document.createElement(tag), properties);
  element.append(...children);
  return element;
};

/** A row of signs for so many classes; `own` has the chosen class and what happens on a choice and on "Clear". */
export function legend(box, { classes, isNumber, own, freshShown, redraw }) {
  const signs = Array.from({ length: isNumber ? 0 : classes }, (_, label) => (own ? choice(label, own) : meaning(label)));
  const scale = [made("span", { textContent: "−1" }), made("i", { className: "ramp" }), made("span", { textContent: "1" })];
  const clear = made("button", { textContent: "Clear", onclick: own?.clear });
  box.replaceChildren(...(isNumber ? scale : signs), own ? clear : fresh(freshShown, redraw));
  box.querySelectorAll("canvas").forEach((canvas, label) => {
    const { pen, width, height } = sharp(canvas);
    marker(pen, label, width / 2, height / 2, 4.5, css(CLASSES[label]), css(paper().paper));
  });
}

const meaning = (label) => made("span", { title: `Class ${label}` }, document.createElement("canvas"), String(label));

function choice(label, own) {
  const button = made("button", { title: `Class ${label}`, onclick: () => own.choose(label) }, document.createElement("canvas"));
  button.setAttribute("aria-label", `Put points of class ${label}`);
  button.setAttribute("aria-pressed", label === own.chosen);
  return button;
}

const fresh = (checked, redraw) => made("label", { className: "check" },
  made("input", { type: "checkbox", id: "with-fresh", checked, onchange: redraw }), "fresh points");
