// Texts that a model wrote: control characters and changes of direction are shown, never obeyed.

// eslint-disable-next-line no-control-regex
const UNSEEN = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u00ad\u061c\u200b\u200e\u200f\u2028-\u202e\u2060-\u2069\ufeff\ud800-\udfff]/;
const NAMED = new RegExp(`${UNSEEN.source.replace("\\ud800-\\udfff", "")}|[\\ud800-\\udbff](?![\\udc00-\\udfff])|(?<![\\ud800-\\udbff])[\\udc00-\\udfff]`, "g");

/** The text with unseen characters by their number, such as [U+202E]. */
function visible(text) {
  if (!UNSEEN.test(text)) return text;
  return text.replace(NAMED, (c) => `[U+${c.charCodeAt(0).toString(16).toUpperCase().padStart(4, "0")}]`);
}

const PACK_DIGITS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
const DIGIT_OF = new Map([...PACK_DIGITS].map((digit, i) => [digit, i]));
const TOP_LEVEL = 63;

/** Numbers of which one of 63 or more has several digits. */
function unpackLengths(packed) {
  const found = [];
  let sum = 0;
  for (const digit of packed) {
    const value = DIGIT_OF.get(digit);
    sum += value;
    if (value < TOP_LEVEL) { found.push(sum); sum = 0; }
  }
  return found;
}

/** The texts of the tokens of a response. */
function piecesOf(rollout) {
  let start = 0;
  return unpackLengths(rollout.lengths).map((length) => rollout.response.slice(start, (start += length)));
}

/** The response in a <pre>; with a kind of shading, one <span> per token whose background is its level. */
function responseView(rollout, kind, topNats) {
  const levels = kind === "none" ? "" : rollout[kind];
  if (!levels || !rollout.lengths) return el("pre", { class: "text" }, visible(rollout.response));
  const name = kind === "entropy" ? "entropy" : "-log-probability";
  const spans = piecesOf(rollout).map((piece, i) => {
    const level = DIGIT_OF.get(levels[i]) || 0;
    const nats = (level / TOP_LEVEL) * topNats[kind];
    const span = el("span", { title: `token ${i + 1}: ${name} ${level === TOP_LEVEL ? "at least" : "about"} ${nats.toFixed(2)} nats` }, visible(piece));
    if (level > 1) span.style.background = `rgba(var(--heat), ${(0.75 * Math.sqrt(level / TOP_LEVEL)).toFixed(2)})`;
    return span;
  });
  return el("pre", { class: "text" }, spans);
}
