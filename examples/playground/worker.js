// What runs beside the page: Python with funcnn, one program in it, and the loop that trains it.
//
// The page asks (begin, run, pause, drawn, step, read), the worker tells (loading, ready, begun, frame, text, failed).

import { library } from "./loading.js";

const FRAMES_A_SECOND = 8;
const SHARE_OF_LOOKING = 0.25; // of the time, at most, goes into pictures

let playground; // the module python/playground.py
let run; // the program in the middle of its training
let begun = 0; // how many programs there were
let training = null; // the loop that trains, if one does: a new one takes over from it
let drawing = false; // whether the page is still busy with the last picture
let speed = Infinity; // steps a second

const tell = (kind, content = {}) => self.postMessage({ kind, ...content });

const words = (error) => (typeof error.message === "string" ? error.message : `${error.name ?? "Error"} ${error.errno ?? ""}`);

const sentence = (error) => {
  const lines = words(error).trim().split("\n").filter((line) => line && !line.startsWith(" "));
  return lines.at(-1).replace(/^\w*Error: /, "");
};

const guarded = (work) => async (...given) => {
  try {
    return await work(...given);
  } catch (error) {
    training = null;
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
  const result = playground.advance(run, Math.min(steps, 1e6), seconds);
  const losses = asObjects(result.get(1));
  keep(result.get(0));
  result.destroy();
  return losses;
}

function show(losses, rate) {
  const began = performance.now();
  drawing = true;
  tell("frame", { ...asObjects(playground.look(run)), losses, rate });
  return performance.now() - began;
}

const turn = () => new Promise((resolve) => { // lets messages in, without the 4 ms of setTimeout
  const channel = new MessageChannel();
  channel.port1.onmessage = resolve;
  channel.port2.postMessage(0);
});

const pause = (milliseconds) => new Promise((resolve) => setTimeout(resolve, milliseconds));

async function train(mine) {
  while (training === mine) await round(mine);
}

/** Train until a picture is due, a few times a second and not before the page has drawn the last one, and show it. */
async function round(mine) {
  const [began, losses] = [performance.now(), []];
  const passed = () => performance.now() - began;
  const period = Math.max(1000 / FRAMES_A_SECOND, mine.cost / SHARE_OF_LOOKING);
  const most = Math.max(1, Math.round(speed * period / 1000));
  while (training === mine && losses.length < most && (passed() < period - mine.cost || drawing)) {
    losses.push(...advance(most - losses.length, 0.03));
    await turn();
  }
  if (losses.length === most) await pause(most / speed * 1000 - passed());
  if (mine.begun !== begun) return; // another program has begun meanwhile
  mine.cost = show(losses, losses.length / passed() * 1000);
}

const ASKED = {
  begin({ settings }) {
    training = null;
    const given = playground.page_settings(JSON.stringify(settings));
    keep(playground.begin(given));
    begun += 1;
    given.destroy();
    tell("begun", { ...asObjects(playground.shown_once(run)) });
    show([], 0);
  },
  run({ speed: asked }) {
    speed = asked ?? Infinity;
    training = { begun, cost: 0 };
    return train(training);
  },
  pause() {
    training = null;
  },
  drawn() {
    drawing = false;
  },
  step() {
    training = null;
    show(advance(1, 1e9), 0);
  },
  read({ what, where, full }) {
    tell("text", { what, text: playground.read(run, what, where, full) });
  },
};

self.onmessage = guarded(({ data }) => playground && ASKED[data.ask](data));

guarded(async () => {
  const pyodide = await library((text, share) => tell("loading", { text, share }));
  playground = pyodide.pyimport("playground");
  tell("ready");
})();
