// What does the address say? Settings to the part after #, and back; what makes no sense there is named.

const round = (x) => Number(x.toFixed(2));

const WRITE = {
  points: (points) => points.map(([x1, x2, label]) => `${round(x1)},${round(x2)},${label}`).join(";"),
  list: (names) => names.join(","),
  plain: (value) => String(value),
};

const writer = (rule) => (rule.points ? WRITE.points : rule.flags || rule.widths ? WRITE.list : WRITE.plain);

/** The settings as text for the address: all of them, so that it means the same for ever. */
export const written = (settings, rules) =>
  `#${Object.entries(rules).map(([name, rule]) => `${name}=${writer(rule)(settings[name])}`).join("&")}`;

export const defaults = (rules) => Object.fromEntries(Object.entries(rules).map(([name, rule]) => [name, rule.default]));

/** What a text means by a rule; an error says what would be understood. */
function understood(text, rule) {
  if (rule.choices) return oneOf(text, Object.keys(rule.choices));
  if (rule.flags) return chosen(text, Object.keys(rule.flags));
  if (rule.widths) return widths(text, rule.widths);
  if (rule.points) return points(text, rule.points);
  return number(text, rule);
}

function oneOf(text, names) {
  if (!names.includes(text)) throw new Error(`one of ${names.join(", ")}`);
  return text;
}

function chosen(text, names) {
  const found = text.split(",");
  if (!found.every((name) => names.includes(name))) throw new Error(`one or more of ${names.join(",")}`);
  return names.filter((name) => found.includes(name));
}

function widths(text, { most, layers }) {
  const found = text === "" ? [] : text.split(",").map(whole);
  if (found.length > layers || !found.every((width) => width >= 1 && width <= most)) {
    throw new Error(`at most ${layers} widths from 1 to ${most}, such as 8,8`);
  }
  return found;
}

function points(text, { most, classes }) {
  const found = text === "" ? [] : text.split(";").map((point) => point.split(",").map(Number));
  const right = ([x1, x2, label, ...more]) => Math.abs(x1) <= 2 && Math.abs(x2) <= 2 && !more.length &&
    Number.isInteger(label) && label >= 0 && label < classes;
  if (found.length > most || !found.every(right)) {
    throw new Error(`at most ${most} points of the plane with a class from 0 to ${classes - 1}, such as 0.5,-0.2,0;0,1,1`);
  }
  return found;
}

function number(text, { range: [least, most], step }) {
  const isWhole = Number.isInteger(step);
  const found = isWhole ? whole(text) : text.trim() === "" ? NaN : Number(text);
  if (!(found >= least && found <= most)) throw new Error(`${isWhole ? "a whole" : "a"} number from ${least} to ${most}`);
  return found;
}

const whole = (text) => (/^\d+$/.test(text) ? Number(text) : NaN);

/** The settings that an address holds, the defaults for what it does not say, and a sentence for what makes no sense. */
export function read(hash, rules) {
  const settings = defaults(rules);
  const notes = [];
  for (const part of hash.replace(/^#/, "").split("&").filter(Boolean)) {
    const [name, text] = [part.split("=")[0], decoded(part.slice(part.indexOf("=") + 1))];
    if (!Object.hasOwn(rules, name)) {
      notes.push(`“${decoded(part)}” in the address is no setting.`);
      continue;
    }
    try {
      settings[name] = understood(text, rules[name]);
    } catch (error) {
      notes.push(`“${decoded(part)}” in the address is not understood: ${name} is ${error.message}. ` +
        `Here it is ${writer(rules[name])(settings[name]) || "empty"}.`);
    }
  }
  return { settings, notes };
}

function decoded(text) {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}
