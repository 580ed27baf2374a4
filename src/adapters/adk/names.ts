import { digestOf } from "../../typed/names.js";

/** Begins what stands for a text that cannot be a name itself. */
const ESCAPE = "%";
/** What a key of a state map and an event id of a session may have, with what others put before them. */
const MOST_BYTES = 100;

/** A text from outside as a key or an id of 1 to 100 bytes: as it is, or a digest of it. */
export function shortName(text: string): string {
  const fits =
    text !== "" &&
    !text.startsWith(ESCAPE) &&
    !text.includes("\0") &&
    text.isWellFormed() &&
    Buffer.byteLength(text) <= MOST_BYTES;
  // JSON escapes what UTF-8 has no form of, so that no two texts are the same.
  return fits ? text : ESCAPE + digestOf(JSON.stringify(text));
}

/** Whether a name is a digest, or one that the adapter made for itself. */
export function isEscaped(name: string): boolean {
  return name.startsWith(ESCAPE);
}
