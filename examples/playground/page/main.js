// How do the parts of the page work together? One object of settings goes round: address, fields, worker, pictures.

import { read, written } from "./address.js";
import { worker } from "./bridge.js";
import { drawChart, remembered } from "./chart.js";
import { CLASSES, css, marker, paper, sharp } from "./colors.js";
import { learning, material } from "./controls.js";
import { network } from "./network.js";
import { drawPlane, pointAt } from "./plane.js";
import { copied, reading } from "./reading.js";
import { unitName } from "./sentences.js";
import { sketch } from "./sketches.js";

const byId = (id) => document.getElementById(id);
const REGRESSIONS = ["plane", "hills"];

const rules = await (await fetch(new URL("../settings.json", import.meta.url))).json();
let { settings, notes } = read(location.hash, rules);
let [once, seen, history, losses] = [null, null, [], []]; // what the worker told
let [ready, running, ownClass, hovered] = [false, false, 0, null];

// ------------------------------------------------------------------------------------------------ what is told

const say = (text) => (byId("state").textContent = text);

function warn(texts) {
  byId("notes").hidden = !texts.length;
  byId("notes").textContent = texts.join(" ");
}

const ask = worker({
  loading({ text, share }) {
    if (document.body.dataset.failed) return;
    say(`${text} …`);
    byId("loading").setAttribute("aria-valuenow", Math.round(100 * share));
    byId("loading").firstChild.style.width = `${100 * share}%`;
  },
  ready() {
    ready = true;
    performance.mark("library");
    byId("loading").hidden = true;
    say("");
    begin();
  },
  begun(content) {
    once = content;
    [seen, history, losses] = [null, [], []];
    net.build(netOf());
    text.begun(once.text, netOf().widths);
    legend();
  },
  frame(content) {
    seen = content;
    losses.push(...content.losses);
    history = remembered(history, { step: seen.step, losses: seen.scores.map(({ loss }) => loss) });
    requestAnimationFrame(() => ask("drawn"));
    draw();
    if (history.length === 1) performance.mark("picture");
    if (!seen.scores.length) diverged();
    if (!running) text.stepped();
  },
  text: (content) => text.show(content),
  failed({ text: said, all }) {
    running = false;
    mark();
    byId("loading").hidden = true;
    say("");
    warn([said]);
    document.body.dataset.failed = all ?? said;
  },
});

function diverged() {
  halt();
  warn(["The numbers have grown beyond all bounds: the learning rate is too large for this net. Choose a smaller one; that begins anew."]);
}

// --------------------------------------------------------------------------------------------- what is changed

function changed(name, value) {
  settings = { ...settings, [name]: value };
  location.replace(written(settings, rules));
  warn([]);
  fields();
  begin();
}

window.addEventListener("hashchange", () => {
  if (location.hash === written(settings, rules)) return;
  ({ settings, notes } = read(location.hash, rules));
  warn(notes);
  fields();
  begin();
});

function fields() {
  const focused = document.activeElement?.id;
  learning(byId("choices"), rules, settings, changed);
  const value = document.activeElement === document.body ? null : document.activeElement.value;
  material(byId("data-choices"), rules, settings, changed, sketch);
  if (focused) byId(focused)?.focus();
  else if (value) document.querySelector(`#data input[value="${value}"]`)?.focus();
}

const tooFewPoints = () => settings.data === "own" && settings.points.length < 2;

function begin() {
  if (!ready) return;
  byId("hint").hidden = !tooFewPoints();
  [byId("run"), byId("step"), byId("reset")].forEach((button) => (button.disabled = tooFewPoints()));
  if (tooFewPoints()) {
    halt();
    [once, seen] = [{ points: [pointsOf(settings.points)], edge: 1.25 }, null];
    legend();
    draw();
    return;
  }
  say("");
  ask("begin", { settings });
  if (running) ask("run", { speed: speed() });
}

const pointsOf = (points) => ({ x: Float32Array.from(points.flatMap(([x1, x2]) => [x1, x2])), y: Float32Array.from(points.map(([, , label]) => label)) });

// ----------------------------------------------------------------------------------------------------- control

const speed = () => Number(byId("speed").value) || null;

function run() {
  running = true;
  mark();
  ask("run", { speed: speed() });
}

function halt() {
  if (running) ask("pause");
  running = false;
  mark();
  if (!seen) return;
  text.stepped();
  byId("heard").textContent = `Paused after ${seen.step} steps, ${["train-loss", "train-score", "fresh-score"].map((id) =>
    `${byId(id).previousElementSibling.textContent}: ${byId(id).textContent}`).join(", ")}`;
}

function mark() {
  byId("run").classList.toggle("running", running);
  byId("run").setAttribute("aria-label", running ? "Pause" : "Run");
  if (!running) byId("pace").textContent = "";
}

byId("run").onclick = () => (running ? halt() : run());
byId("step").onclick = () => {
  running = false;
  mark();
  ask("step");
};
byId("reset").onclick = () => {
  halt();
  warn([]);
  begin();
};
byId("speed").onchange = () => running && ask("run", { speed: speed() });
byId("share").onclick = async () => {
  location.replace(written(settings, rules));
  byId("share").textContent = (await copied(location.href)) ? "Copied" : "It is in the address bar";
  setTimeout(() => (byId("share").textContent = "Copy link"), 1600);
};
window.addEventListener("keydown", (event) => {
  if (event.target.closest("input, select") || event.ctrlKey || event.metaKey || event.altKey) return;
  if (event.key === " " && event.target.closest("button, a, [tabindex]")) return;
  const button = { " ": "run", s: "step", r: "reset" }[event.key.toLowerCase()];
  if (!button) return;
  event.preventDefault();
  byId(button).click();
});

// ---------------------------------------------------------------------------------------------------- pictures

const isNumber = () => REGRESSIONS.includes(settings.data);

const netOf = () => ({
  widths: [settings.features.length, ...settings.layers, once.outputs],
  names: settings.features.map((name) => rules.features.flags[name]),
  activation: settings.activation, isNumber: isNumber(), inputs: once.inputs, small: once.small,
});

const net = network(byId("network"), {
  told: (sentence) => (byId("told").textContent = sentence),
  width(layer, by) {
    const layers = settings.layers.map((width, i) => (i === layer ? Math.min(rules.layers.widths.most, width + by) : width));
    changed("layers", layers.filter((width) => width > 0));
  },
  unit(layer, unit) {
    hovered = layer === null ? null : { layer, unit };
    byId("out-title").textContent = hovered ? `What ${unitName(netOf(), layer, unit)} gives` : "Answers";
    plane();
  },
});

const text = reading(byId, (what, where, full) => once?.text && ask("read", { what, where, full }));

function plane() {
  const values = hovered && once?.inputs && hovered.layer <= settings.layers.length && net.values(hovered.layer, hovered.unit);
  const scale = values ? Math.max(1e-6, ...values.map(Math.abs)) : 1;
  drawPlane(byId("plane"), { ...once, answers: seen?.answers, isNumber: isNumber(), withFresh: byId("with-fresh")?.checked,
    unit: values && values.map((x) => x / scale) });
}

const shown = (x) => (x === undefined ? "–" : x < 0.001 ? x.toExponential(1) : x.toFixed(3));

function draw() {
  byId("count").textContent = (seen?.step ?? 0).toLocaleString("en");
  if (running && seen?.rate) byId("pace").textContent = `${Math.round(seen.rate).toLocaleString("en")} steps a second`;
  const [train, fresh] = seen?.scores ?? [];
  const second = settings.data === "own" ? undefined : fresh;
  byId("train-loss").textContent = shown(train?.loss);
  byId("fresh-loss").textContent = shown(second?.loss);
  const share = (x) => (x === undefined ? "–" : isNumber() ? x.toFixed(3) : `${(100 * x).toFixed(1)} %`);
  byId("train-score").textContent = share(train?.score);
  byId("fresh-score").textContent = share(second?.score);
  document.querySelectorAll(".score-name").forEach((each) => (each.textContent = isNumber() ? "R²" : "Accuracy"));
  plane();
  if (seen) net.paint(seen);
  drawChart(byId("chart"), settings.data === "own" ? history.map(({ step, losses: [first] }) => ({ step, losses: first === undefined ? [] : [first] })) : history);
}

/** What the colours mean, or, where points are put by hand, which class they get. */
function legend() {
  const box = byId("legend");
  const own = settings.data === "own";
  const classes = own ? rules.points.points.classes : (once.outputs ?? 2);
  box.replaceChildren();
  for (let label = 0; label < (isNumber() ? 0 : classes); label++) {
    const item = document.createElement(own ? "button" : "span");
    const canvas = document.createElement("canvas");
    item.append(canvas, own ? "" : String(label));
    item.title = `Class ${label}`;
    if (own) {
      item.setAttribute("aria-label", `Put points of class ${label}`);
      item.setAttribute("aria-pressed", label === ownClass);
      item.onclick = () => {
        ownClass = label;
        legend();
      };
    }
    box.append(item);
    const { pen, width, height } = sharp(canvas);
    marker(pen, label, width / 2, height / 2, 4.5, css(CLASSES[label]), css(paper().paper));
  }
  if (isNumber()) box.insertAdjacentHTML("beforeend", `<span>−1</span><i class="ramp"></i><span>1</span>`);
  if (own) {
    const clear = Object.assign(document.createElement("button"), { textContent: "Clear", onclick: () => changed("points", []) });
    box.append(clear);
    return;
  }
  box.insertAdjacentHTML("beforeend", `<label class="check"><input type="checkbox" id="with-fresh"> fresh points</label>`);
  byId("with-fresh").onchange = plane;
}

byId("plane").addEventListener("click", (event) => {
  if (settings.data !== "own" || !once) return;
  const [x1, x2] = pointAt(byId("plane"), event, once.edge);
  const others = settings.points.filter(([a, b]) => Math.hypot(a - x1, b - x2) > 0.04); // a click on a point takes it away
  if (others.length < settings.points.length) changed("points", others);
  else if (settings.points.length < rules.points.points.most) changed("points", [...settings.points, [x1, x2, ownClass]]);
});

// ------------------------------------------------------------------------------------------------- light, dark

const isDark = () => (document.documentElement.dataset.theme || (matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light")) === "dark";

function theme() {
  byId("theme").textContent = isDark() ? "Light" : "Dark";
  if (ready) {
    legend();
    draw();
    fields();
  }
}
byId("theme").onclick = () => {
  document.documentElement.dataset.theme = isDark() ? "light" : "dark";
  theme();
};
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", theme);
new ResizeObserver(() => {
  net.rebuild();
  if (once) draw();
}).observe(document.querySelector("main"));

fields();
theme();
warn(notes);

window.playground = { // what the tests look at
  get settings() { return settings; },
  get seen() { return seen; },
  get losses() { return losses; },
  forget: () => (seen = null),
};
