// How do the page and the worker talk? `worker(heard)`: a function that asks, and one that hears what is told.

/** Start the worker; `heard[kind](content)` is called for all it tells. */
export function worker(heard) {
  if (typeof WebAssembly !== "object") {
    const text = "This browser has no WebAssembly, in which Python runs here. Every browser of the last years has it; " +
      "it may be switched off in the settings.";
    queueMicrotask(() => heard.failed({ text }));
    return () => {};
  }
  const address = new URL("../worker.js", import.meta.url);
  address.search = location.search; // ?pyodide= says where Python is
  const other = new Worker(address, { type: "module" });
  other.onmessage = ({ data: { kind, ...content } }) => heard[kind](content);
  other.onerror = (event) => heard.failed({ text: `The part that runs Python did not start: ${event.message ?? "it was not found"}.` });
  return (ask, content = {}) => other.postMessage({ ask, ...content });
}
