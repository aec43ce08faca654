// What can be read? The program, every number of the next step, and the step as jit runs it.

import { element } from "./elements.js";

const ABOUT = {
  program: "The whole of what is on the screen. This text is what runs here; copied into a file, it runs wherever funcnn is installed.",
  trace: "What the next step computes: forward, backward, and how each parameter moves. Long arrays are cut, unless they are asked for in full.",
  jit: "What is left of the step after jit: calls of NumPy, and beside them the lines of the program that they came from.",
};

/** The tabs. `ask(what, where, full)` asks for a text, which comes to `show`. */
export function reading(byId, ask) {
  const tabs = ["program", "trace", "jit"];
  let open = "program";
  let program = "";

  const button = (name) => byId(`tab-${name}`);

  function choose(name) {
    open = name;
    for (const each of tabs) {
      button(each).setAttribute("aria-selected", each === name);
      button(each).tabIndex = each === name ? 0 : -1;
    }
    byId("text").setAttribute("aria-labelledby", `tab-${name}`);
    byId("about").textContent = ABOUT[name];
    document.querySelectorAll(".only-trace").forEach((each) => (each.hidden = name !== "trace"));
    byId("refresh").hidden = name === "program";
    if (name === "program") put(program);
    else again();
  }

  const again = () => ask(open, open === "trace" ? byId("where").value : "", byId("in-full").checked);

  const put = (text) => {
    byId("text").textContent = text;
    byId("copy").disabled = !text;
  };

  tabs.forEach((name, i) => {
    button(name).onclick = () => choose(name);
    button(name).onkeydown = ({ key }) => {
      const next = tabs[(i + { ArrowRight: 1, ArrowLeft: tabs.length - 1 }[key]) % tabs.length];
      if (!next) return;
      choose(next);
      button(next).focus();
    };
  });
  byId("refresh").onclick = byId("where").onchange = byId("in-full").onchange = again;
  byId("copy").onclick = async () => {
    byId("copy").textContent = (await copied(byId("text").textContent)) ? "Copied" : "Not allowed: select the text";
    setTimeout(() => (byId("copy").textContent = "Copy"), 1600);
  };

  return {
    begun(text, widths) {
      program = text;
      const names = ["", ...widths.slice(1).map((_, i) => `dense_${i}`)];
      byId("where").replaceChildren(...names.map((value) => element("option", { value, textContent: value || "the whole" })));
      choose(open);
    },
    show: ({ what, text }) => what === open && put(text),
    stepped: () => open !== "program" && again(),
  };
}

/** Whether a text went into the clipboard. */
export async function copied(text) {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    return false;
  }
}
