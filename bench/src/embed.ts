import { randomIntegers } from "./random.js";

/** As many numbers as a small model gives. */
export const DIMENSION = 256;
const PLACES_OF_WORD = 8;

/** Stands in for a model that makes vectors: texts with the same words are near to each other. It costs next to nothing. */
export const EMBED = {
  model: "words-256",
  vectorsOf: (texts: readonly string[]): Float32Array[] => texts.map(vectorOf),
};

function vectorOf(text: string): Float32Array {
  const vector = new Float32Array(DIMENSION);
  for (const word of text.split(" ")) {
    const draw = randomIntegers(hashOf(word));
    for (let place = 0; place < PLACES_OF_WORD; place++) {
      const at = draw(DIMENSION);
      vector[at] = (vector[at] as number) + draw(2) * 2 - 1;
    }
  }
  // Not all of them may be 0.
  vector[0] = (vector[0] as number) + 0.5;
  return vector;
}

/** FNV-1a, 32 bits. */
function hashOf(word: string): number {
  let hash = 0x811c9dc5;
  for (let at = 0; at < word.length; at++) hash = Math.imul(hash ^ word.charCodeAt(at), 0x01000193);
  return hash >>> 0;
}
