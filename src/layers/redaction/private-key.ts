import type { Found, Rule } from "./rule.js";

const BEGIN = /-----BEGIN (?:[A-Z0-9]{1,16} ){0,3}PRIVATE KEY(?: BLOCK)?-----/g;
const END = /-----END (?:[A-Z0-9]{1,16} ){0,3}PRIVATE KEY(?: BLOCK)?-----/y;
/** Between the words of a key: white space, also as JSON within a string has it, and what joins lines in source code. */
const GAP = /(?:\s|\\+[nrt]|["'+,]|\\+(?=["'\s]))+/y;
/** A line that is a header, such as `Proc-Type: 4,ENCRYPTED`. */
const HEADER = /[A-Z][A-Za-z-]{1,32}: [^\r\n\\"]{0,200}/y;
const WORD = /[A-Za-z0-9+/=]+/y;
/** Fewer characters are a placeholder. */
const FEWEST = 32;
/** A key without its end goes on while its words are as long as this. */
const LINE = 16;

/** Private keys in PEM (RFC 7468) and OpenPGP armor, whole or cut off. */
export const PRIVATE_KEY: Rule = {
  kind: "private-key",
  hints: ["PRIVATE KEY"],
  *find(text) {
    for (let from = 0; ; ) {
      BEGIN.lastIndex = from;
      const begin = BEGIN.exec(text);
      if (begin === null) return;
      const { end, size } = readBody(text, begin.index + begin[0].length);
      if (size >= FEWEST) yield { start: begin.index, end } satisfies Found;
      from = end;
    }
  },
};

/** Where the key ends, and how many characters of base64 it has. */
function readBody(text: string, from: number): { readonly end: number; readonly size: number } {
  let size = 0;
  let end = from;
  for (let at = from; ; ) {
    at = past(GAP, text, at);
    const closing = past(END, text, at);
    if (closing > at) return { end: closing, size };
    const header = size === 0 ? past(HEADER, text, at) : at;
    const word = header > at ? header : past(WORD, text, at);
    if (word === at) return { end, size };
    if (header === at) {
      size += word - at;
      // A short word may be the last line of a key, or the text behind one that was cut off.
      if (word - at >= LINE) end = word;
    }
    at = word;
  }
}

/** Where the match ends; `at` if there is none. */
function past(pattern: RegExp, text: string, at: number): number {
  pattern.lastIndex = at;
  return pattern.test(text) ? pattern.lastIndex : at;
}
