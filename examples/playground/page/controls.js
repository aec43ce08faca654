// What can be chosen? The fields of settings.json, and what changes when one of them does.

import { element } from "./elements.js";

/** A list to choose from; a value that is not in it (an address may hold any) is added. */
function choice(name, rule, settings, changed) {
  const select = element("select", { id: name });
  const options = rule.choices ? Object.entries(rule.choices) : rule.options.map((value) => [value, label(name, value)]);
  const values = options.map(([value]) => String(value));
  if (!values.includes(String(settings[name]))) options.push([settings[name], label(name, settings[name])]);
  select.append(...options.map(([value, text]) => element("option", { value, textContent: text })));
  select.value = String(settings[name]);
  select.onchange = () => changed(name, rule.choices ? select.value : Number(select.value));
  return field(rule, select);
}

const label = (name, value) => (name === "batch" && value >= 1000 ? "all points" : name === "dropout" && !value ? "none" : String(value));

function field(rule, control, ...more) {
  return element("label", { className: "field", title: rule.hint ?? "" }, element("span", { textContent: rule.label }), control, ...more);
}

function slider(name, rule, settings, changed) {
  const shown = element("output", { textContent: settings[name] });
  const [min, max] = rule.range;
  const input = element("input", { type: "range", id: name, min, max, step: rule.step, value: settings[name] });
  input.oninput = () => (shown.textContent = input.value);
  input.onchange = () => changed(name, Number(input.value));
  const made = field(rule, input, shown);
  made.classList.add("slider");
  return made;
}

function seed(name, rule, settings, changed) {
  const [min, max] = rule.range;
  const input = element("input", { type: "number", id: name, min, max, step: 1, value: settings[name], required: true });
  input.onchange = () => (input.reportValidity() ? changed(name, Number(input.value)) : undefined);
  const other = element("button", { type: "button", id: "other-seed", textContent: "↻", title: "Another seed", className: "icon" });
  other.setAttribute("aria-label", "Another seed");
  other.onclick = () => changed(name, settings[name] + 1);
  return element("div", { className: "pair" }, field(rule, input), other);
}

function layers(settings, changed) {
  const minus = element("button", { type: "button", id: "fewer-layers", textContent: "−", className: "icon" });
  const plus = element("button", { type: "button", id: "more-layers", textContent: "+", className: "icon" });
  minus.setAttribute("aria-label", "One layer less");
  plus.setAttribute("aria-label", "One layer more");
  minus.disabled = !settings.layers.length;
  minus.onclick = () => changed("layers", settings.layers.slice(0, -1));
  plus.onclick = () => changed("layers", [...settings.layers, settings.layers.at(-1) ?? 8]);
  return element("div", { className: "field", role: "group" }, element("span", { textContent: "Hidden layers" }),
    element("div", { className: "counter" }, minus, element("output", { id: "layers", textContent: settings.layers.length }), plus));
}

/** Fill the row of how it learns. */
export function learning(frame, rules, settings, changed) {
  const one = (name) => choice(name, rules[name], settings, changed);
  frame.replaceChildren(layers(settings, changed), one("activation"), one("optimizer"), one("rate"), one("schedule"), one("regularizer"),
    ...(settings.regularizer === "none" ? [] : [one("strength")]), one("dropout"), one("batch"), seed("seed", rules.seed, settings, changed));
}

/** Fill the column of what it learns from. */
export function material(frame, rules, settings, changed, draw) {
  const group = element("div", { className: "problems", role: "radiogroup" });
  group.setAttribute("aria-label", "Data");
  for (const [value, text] of Object.entries(rules.data.choices)) {
    const input = element("input", { type: "radio", name: "data", value, checked: settings.data === value });
    input.onchange = () => changed("data", value);
    const canvas = element("canvas");
    group.append(element("label", {}, input, canvas, element("span", { textContent: text })));
    queueMicrotask(() => draw(canvas, value, rules.data.numbers.includes(value)));
  }
  const flags = element("div", { className: "flags", role: "group" });
  flags.setAttribute("aria-label", "Features");
  for (const [value, text] of Object.entries(rules.features.flags)) {
    const input = element("input", { type: "checkbox", value, checked: settings.features.includes(value) });
    input.onchange = () => {
      const chosen = Object.keys(rules.features.flags).filter((each) => (each === value ? input.checked : settings.features.includes(each)));
      if (chosen.length) changed("features", chosen);
      else input.checked = true; // a net is given something
    };
    flags.append(element("label", {}, input, element("span", { textContent: text })));
  }
  const sliders = ["arms", "noise"].filter((name) => settings.data !== "own" && (rules[name].only?.includes(settings.data) ?? true));
  frame.replaceChildren(group, ...sliders.map((name) => slider(name, rules[name], settings, changed)),
    element("h3", { textContent: "Features" }), flags);
}
