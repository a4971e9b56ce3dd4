/** Tokens and weights as readers see and hear them. */

const SHORT = 18; // characters
const UNSEEN =
  // biome-ignore lint/suspicious/noControlCharactersInRegex: these are what is looked for
  /[\u0000-\u001f\u007f-\u009f\u00ad\u061c\u200b-\u200f\u2028-\u202f\u2060-\u206f\ufeff\ufff9-\ufffb ]/g;

/** A token with symbols for blanks and control characters, so that nothing hides or turns text around. */
export function visible(token) {
  if (token === "") return "∅";
  return token.replace(UNSEEN, (c) => {
    if (c === " ") return "␣";
    if (c === "\n") return "⏎";
    return `‹${c.codePointAt(0).toString(16).toUpperCase().padStart(2, "0")}›`;
  });
}

/** A visible token that is cut where it is long. */
export function shortened(token) {
  const all = [...visible(token)];
  return all.length > SHORT ? `${all.slice(0, SHORT - 1).join("")}…` : all.join("");
}

/** A token within a sentence; isolated, so that right-to-left letters stay inside their quotes. */
export const quoted = (token) => `“\u2068${shortened(token)}\u2069”`;

export function weightText(weight) {
  if (weight >= 0.0995) return weight.toFixed(2);
  if (weight >= 0.00095) return weight.toFixed(3);
  return weight > 0 ? "<0.001" : "0";
}

export function signedText(weight) {
  if (Math.abs(weight) < 0.00095) return "0";
  return (weight < 0 ? "−" : "+") + weightText(Math.abs(weight));
}
