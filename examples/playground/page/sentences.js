// Which formula and which number has a unit, a weight? The sentences under the network.

const MOST_TERMS = 12;

export const number = (x, digits = 3) => {
  const text = Math.abs(x) >= 1e4 || (x && Math.abs(x) < 1e-3) ? x.toExponential(digits - 1) : Number(x.toPrecision(digits));
  return String(text).replace("-", "−");
};

const term = (x, name, first) => `${x < 0 ? (first ? "−" : " − ") : first ? "" : " + "}${number(Math.abs(x))}${name ? ` ${name}` : ""}`;

/** What a unit is called: x₁, or h1[3] for unit 3 of layer 1. */
const called = (net, layer, unit) => (layer === 0 ? net.names[unit] : `h${layer}[${unit}]`);

/** What a unit of any layer is called. */
export const unitName = (net, layer, unit) => {
  if (layer < net.widths.length - 1) return called(net, layer, unit);
  return net.isNumber ? "the answer" : `logit of class ${unit}`;
};

/** A unit's formula with its numbers. */
export function unitSentence({ net, seen }, layer, unit) {
  if (layer === 0) return `Feature ${net.names[unit]}: what the net is given of a point.`;
  if (!seen) return "";
  const { w, b } = seen.weights[layer - 1];
  const [before, width, last] = [net.widths[layer - 1], net.widths[layer], layer === net.widths.length - 1];
  const terms = Array.from({ length: Math.min(before, MOST_TERMS) }, (_, i) =>
    term(w[i * width + unit], called(net, layer - 1, i), i === 0));
  const rest = before > MOST_TERMS ? ` + … ${before - MOST_TERMS} more` : "";
  const sum = `${terms.join("")}${rest}${term(b[unit], "", false)}`;
  const bent = last || net.activation === "none" ? sum : `${net.activation}(${sum})`;
  const isStill = !last && seen.still[layer - 1].includes(unit);
  return `${unitName(net, layer, unit)} = ${bent}${isStill ? "  — dead: the same for every point it trains on" : ""}`;
}

/** A weight's name in the parameters, its number, and what it joins. */
export function weightSentence({ net, seen }, { layer, from, to }) {
  const value = seen.weights[layer - 1].w[from * net.widths[layer] + to];
  return `params["dense_${layer - 1}"]["w"][${from}, ${to}] = ${number(value, 4)}: so much of ${called(net, layer - 1, from)} goes into ${unitName(net, layer, to)}`;
}
