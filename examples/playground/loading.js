// How does Python come into the page? `library(progress)`: Pyodide, NumPy, funcnn and the page's own Python.

export const PUBLIC = "https://cdn.jsdelivr.net/pyodide/v0.27.7/full/"; // the version the tests run
const BESIDE = new URL("./pyodide/", import.meta.url).href;
const WHEEL = new URL("./funcnn-0.1.0-py3-none-any.whl", import.meta.url).href;
const SOURCES = new URL("../../funcnn/", import.meta.url).href;
const HOME = "/home/pyodide/"; // where Python starts
const OWN = ["looking", "modelling", "numbers_in_full", "playground", "problems", "settings", "writing"];
const BYTES = 15.6e6; // of Pyodide's WebAssembly, of Python's library and of NumPy

/** Python with funcnn in it; `progress(text, share)` hears how far it is. */
export async function library(progress) {
  const base = await whereIsPyodide();
  countBytes((bytes) => progress("Loading Python and NumPy", Math.min(0.9, 0.9 * bytes / BYTES)));
  progress("Loading Python and NumPy", 0);
  const [pyodide, install] = await Promise.all([python(base), funcnn()]);
  progress("Starting funcnn", 0.93);
  install(pyodide);
  await Promise.all(OWN.map(async (name) => {
    pyodide.FS.writeFile(`${HOME}${name}.py`, await text(new URL(`./python/${name}.py`, import.meta.url)));
  }));
  return pyodide;
}

/** What the address says, else a folder beside the page, else the public one. */
async function whereIsPyodide() {
  const said = new URLSearchParams(self.location.search).get("pyodide");
  if (said) return new URL(said.endsWith("/") ? said : `${said}/`, self.location.href).href;
  const beside = await fetch(`${BESIDE}pyodide-lock.json`, { method: "HEAD" }).catch(() => null);
  return beside?.ok ? BESIDE : PUBLIC;
}

async function python(base) {
  try {
    const { loadPyodide } = await import(`${base}pyodide.mjs`);
    const pyodide = await loadPyodide({ indexURL: base });
    await pyodide.loadPackage("numpy", { messageCallback: () => {} });
    pyodide.pyimport("numpy").destroy();
    return pyodide;
  } catch (error) {
    throw new Error(`Python could not be loaded from ${base}. Is there a network? Without one, put Pyodide into a ` +
      `folder "pyodide" beside this page. (${error.message})`);
  }
}

/** A function that puts funcnn into Python: its sources, where this page lies among them, else the wheel beside it. */
async function funcnn() {
  const files = await listed(SOURCES).catch(() => []);
  if (files.length) {
    const texts = await Promise.all(files.map((file) => text(SOURCES + file)));
    return (pyodide) => files.forEach((file, i) => write(pyodide, `${HOME}funcnn/${file}`, texts[i]));
  }
  const wheel = await fetch(WHEEL);
  if (!wheel.ok) {
    throw new Error(`funcnn was not found: neither its sources at ${SOURCES} nor its wheel at ${WHEEL}. Serve the ` +
      "whole repository with python -m http.server, or put the wheel there: pip wheel . --no-deps -w examples/playground");
  }
  const bytes = await wheel.arrayBuffer();
  return (pyodide) => pyodide.unpackArchive(bytes, "wheel");
}

/** The Python files that a folder's page lists, as `python -m http.server` and other plain servers write it. */
async function listed(folder, under = "") {
  const names = [...(await text(folder + under)).matchAll(/href="([\w/]+(?:\.py)?)"/g)].map((match) => match[1]);
  const inside = names.filter((name) => name.endsWith("/") && name !== "__pycache__/");
  const deeper = await Promise.all(inside.map((name) => listed(folder, under + name)));
  return [...names.filter((name) => name.endsWith(".py")).map((name) => under + name), ...deeper.flat()];
}

async function text(address) {
  const answer = await fetch(address);
  if (!answer.ok) throw new Error(`${address} was not found`);
  return answer.text();
}

function write(pyodide, path, content) {
  pyodide.FS.mkdirTree(path.slice(0, path.lastIndexOf("/")));
  pyodide.FS.writeFile(path, content);
}

/** From now on `heard` is told how many bytes of WebAssembly and of packages have come. */
function countBytes(heard) {
  const original = self.fetch;
  let sum = 0;
  self.fetch = async (...given) => {
    const answer = await original(...given);
    if (!answer.body || !/\.(wasm|zip|whl)$/.test(answer.url)) return answer;
    const counted = answer.body.pipeThrough(new TransformStream({
      transform(chunk, controller) {
        heard(sum += chunk.length);
        controller.enqueue(chunk);
      },
    }));
    return new Response(counted, { headers: answer.headers, status: answer.status, statusText: answer.statusText });
  };
}
