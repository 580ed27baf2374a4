/** The alphabets of tokens. */
export const LOWER = "abcdefghijklmnopqrstuvwxyz";
export const UPPER = LOWER.toUpperCase();
export const DIGITS = "0123456789";
export const HEX = "0123456789abcdef";
export const ALNUM = LOWER + UPPER + DIGITS;
export const BASE64URL = `${ALNUM}-_`;
export const BASE64 = `${ALNUM}+/`;

/**
 * Characters drawn with a seed, the same in each run. Secrets of the tests are made so while they run: scanners for secrets
 * then find none in the sources.
 */
export function drawn(alphabet: string, length: number, seed: number): string {
  let state = (seed * 2_654_435_761 + length) >>> 0;
  let text = "";
  for (let at = 0; at < length; at++) {
    state ^= state << 13;
    state ^= state >>> 17;
    state = (state ^ (state << 5)) >>> 0;
    text += alphabet[state % alphabet.length];
  }
  return text;
}
