// What runs beside the page: Python with funcnn, one program in it, and the loop that trains it.
//
// The page asks (begin, run, pause, step, read), the worker tells (loading, ready, begun, frame, text, failed).

import { library } from "./loading.js";

const FRAMES_A_SECOND = 8;
const SHARE_OF_LOOKING = 0.25; // of the time, at most, goes into pictures

let pyodide; // Python
let playground; // the module python/playground.py
let run; // the program in the middle of its training
let training = false;
let speed = Infinity; // steps a second

const tell = (kind, content = {}, transfer = []) => self.postMessage({ kind, ...content }, transfer);

const words = (error) => (typeof error.message === "string" ? error.message : `${error.name ?? "Error"} ${error.errno ?? ""}`);

const sentence = (error) => {
  const lines = words(error).trim().split("\n").filter((line) => line && !line.startsWith(" "));
  return lines.at(-1).replace(/^\w*Error: /, "");
};

const guarded = (work) => async (...given) => {
  try {
    return await work(...given);
  } catch (error) {
    training = false;
    tell("failed", { text: sentence(error), all: words(error) });
  }
};

const asObjects = (proxy) => {
  const object = proxy.toJs({ dict_converter: Object.fromEntries });
  proxy.destroy();
  return object;
};

const keep = (next) => {
  run?.destroy();
  run = next;
};

function advance(steps, seconds) {
  const result = playground.advance(run, steps, seconds);
  const losses = asObjects(result.get(1));
  keep(result.get(0));
  result.destroy();
  return losses;
}

function show(losses, rate) {
  const began = performance.now();
  tell("frame", { ...asObjects(playground.look(run)), losses, rate });
  return performance.now() - began;
}

const turn = () => new Promise((resolve) => { // lets messages in, without the 4 ms of setTimeout
  const channel = new MessageChannel();
  channel.port1.onmessage = resolve;
  channel.port2.postMessage(0);
});

const pause = (milliseconds) => new Promise((resolve) => setTimeout(resolve, milliseconds));

async function train() {
  let cost = 0;
  while (training) {
    const began = performance.now();
    const period = Math.max(1000 / FRAMES_A_SECOND, cost / SHARE_OF_LOOKING);
    const most = Number.isFinite(speed) ? Math.max(1, Math.round(speed * period / 1000)) : 1e9;
    const losses = [];
    while (training && losses.length < most && performance.now() - began < period - cost) {
      losses.push(...advance(most - losses.length, Math.min(0.03, period / 1000)));
      await turn();
    }
    if (!losses.length) continue;
    const due = Number.isFinite(speed) ? losses.length / speed * 1000 : 0;
    cost = show(losses, losses.length / Math.max((performance.now() - began) / 1000, 1e-3));
    await pause(Math.max(0, due - (performance.now() - began)));
  }
}

const ASKED = {
  begin({ settings }) {
    training = false;
    const given = playground.page_settings(JSON.stringify(settings));
    keep(playground.begin(given));
    given.destroy();
    tell("begun", { ...asObjects(playground.shown_once(run)) });
    show([], 0);
  },
  run({ speed: asked }) {
    speed = asked ?? Infinity;
    if (training) return undefined;
    training = true;
    return train();
  },
  pause() {
    training = false;
  },
  step() {
    training = false;
    show(advance(1, 1e9), 0);
  },
  read({ what, where }) {
    tell("text", { what, text: playground.read(run, what, where ?? "") });
  },
};

self.onmessage = guarded(({ data }) => playground && ASKED[data.ask](data));

guarded(async () => {
  pyodide = await library((text, share) => tell("loading", { text, share }));
  playground = pyodide.pyimport("playground");
  tell("ready", { version: pyodide.runPython("import funcnn; funcnn.__version__") });
})();
