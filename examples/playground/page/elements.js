// How is a part of the page made? `element(tag, properties, ...children)`.

/** A new element with these properties, and within it the children: elements or texts. */
export function element(tag, properties = {}, ...children) {
  const made = Object.assign(document.createElement(tag), properties);
  made.append(...children);
  return made;
}
