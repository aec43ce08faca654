// How do the parts of the page work together? One object of settings goes round: address, fields, worker, pictures.

import { read, written } from "./address.js";
import { worker } from "./bridge.js";
import { drawChart, remembered } from "./chart.js";
import { learning, material } from "./controls.js";
import { legend } from "./legend.js";
import { network } from "./network.js";
import { drawPlane } from "./plane.js";
import { pointing } from "./pointing.js";
import { copied, reading } from "./reading.js";
import { unitName } from "./sentences.js";
import { sketch } from "./sketches.js";
import { theme } from "./theme.js";

const byId = (id) => document.getElementById(id);
const EDGE = 1.25; // the plane reaches from -EDGE to EDGE

const rules = await (await fetch(new URL("../settings.json", import.meta.url))).json();
let { settings, notes } = read(location.hash, rules);
let [once, seen, history, losses] = [null, null, [], []]; // what the worker told; the losses of the first steps
let [ready, running, ownClass, hovered, cursor] = [false, false, 0, null, null];

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
    [seen, history, losses, hovered] = [null, [], [], null];
    byId("out-title").textContent = "Answers";
    net.build(netOf());
    text.begun(once.text, netOf().widths);
    colors();
  },
  frame(content) {
    seen = content;
    if (losses.length < 1000) losses.push(...content.losses);
    history = remembered(history, { step: seen.step, losses: judged(seen.scores).map(({ loss }) => loss) });
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
  const { id, value } = document.activeElement; // keeps the focus
  learning(byId("choices"), rules, settings, changed);
  material(byId("data-choices"), rules, settings, changed, sketch);
  (byId(id) ?? document.querySelector(`#data input[value="${value}"]`))?.focus();
}

const tooFewPoints = () => settings.data === "own" && settings.points.length < 2;

function begin() {
  if (!ready) return;
  byId("hint").hidden = !tooFewPoints();
  [byId("run"), byId("step"), byId("reset")].forEach((button) => (button.disabled = tooFewPoints()));
  if (tooFewPoints()) {
    halt();
    [once, seen] = [{ points: [pointsOf(settings.points)], edge: EDGE }, null];
    colors();
    draw();
    return;
  }
  say("");
  ask("begin", { settings });
  if (running) ask("run", { speed: speed() });
}

const pointsOf = (points) => ({
  x: Float32Array.from(points.flatMap(([x1, x2]) => [x1, x2])), y: Float32Array.from(points, ([, , label]) => label),
});

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

/** Whether the answer is a number, and no class. */
const isNumber = () => rules.data.numbers.includes(settings.data);

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
    unit: values && values.map((x) => x / scale), cursor });
}

const shown = (x) => (x === undefined ? "–" : x < 0.001 ? x.toExponential(1) : x.toFixed(3));

const share = (x) => (x === undefined ? "–" : isNumber() ? x.toFixed(3) : `${(100 * x).toFixed(1)} %`);

function scores() {
  byId("count").textContent = (seen?.step ?? 0).toLocaleString("en");
  if (running && seen?.rate) byId("pace").textContent = `${Math.round(seen.rate).toLocaleString("en")} steps a second`;
  const [train, fresh] = judged(seen?.scores ?? []);
  byId("train-loss").textContent = shown(train?.loss);
  byId("fresh-loss").textContent = shown(fresh?.loss);
  byId("train-score").textContent = share(train?.score);
  byId("fresh-score").textContent = share(fresh?.score);
  document.querySelectorAll(".score-name").forEach((each) => (each.textContent = isNumber() ? "R²" : "Accuracy"));
}

/** Of points put by hand there are no fresh ones. */
const judged = (sets) => (settings.data === "own" ? sets.slice(0, 1) : sets);

function draw() {
  scores();
  plane();
  if (seen) net.paint(seen);
  drawChart(byId("chart"), history);
}

function colors() {
  const choose = (label) => {
    ownClass = label;
    colors();
  };
  const own = settings.data === "own" && { chosen: ownClass, choose, clear: () => changed("points", []) };
  legend(byId("legend"), { classes: own ? rules.points.points.classes : once.outputs, isNumber: isNumber(), own,
    freshShown: byId("with-fresh")?.checked ?? false, redraw: plane });
}

pointing(byId("plane"), EDGE, {
  isOn: () => settings.data === "own",
  put([x1, x2]) {
    const others = settings.points.filter(([a, b]) => Math.hypot(a - x1, b - x2) > 0.04); // on a point it is taken away
    if (others.length < settings.points.length) changed("points", others);
    else if (settings.points.length < rules.points.points.most) changed("points", [...settings.points, [x1, x2, ownClass]]);
  },
  moved(place) {
    cursor = place;
    if (place) byId("heard").textContent = `${place[0]}, ${place[1]}; Enter puts a point of class ${ownClass}`;
    plane();
  },
});

// ---------------------------------------------------------------------------------------------- the beginning

theme(byId("theme"), () => {
  fields();
  if (!once) return;
  colors();
  draw();
});
let width = 0;
function resized(now) {
  if (now === width) return; // a net of another height is no reason to draw anew
  width = now;
  net.rebuild();
  if (once) draw();
}
new ResizeObserver(([{ contentRect }]) => requestAnimationFrame(() => resized(contentRect.width))) // in a frame of its
  .observe(byId("net")); // own: what changes sizes while they are told is an error to the browser

fields();
warn(notes);

window.playground = { // what the tests look at
  get settings() { return settings; },
  get seen() { return seen; },
  get losses() { return losses; },
  forget: () => (seen = null),
};
