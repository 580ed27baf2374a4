import { randomIntegers } from "./random.js";

/** How many words there are. */
export const WORDS = 20_000;
const WORDS_OF_TEXT = 30;
const DRAWS = 2 ** 30;

const CONSONANTS = "bcdfghjklmnprstv";
const VOWELS = "aeiou";
const SYLLABLES = [...CONSONANTS].flatMap((consonant) => [...VOWELS].map((vowel) => consonant + vowel));

/** The word of a rank, from 1 for the most frequent one; frequent words are short. */
export function wordAt(rank: number): string {
  let word = "";
  for (let left = rank; left > 0; left = Math.floor(left / SYLLABLES.length))
    word = (SYLLABLES[left % SYLLABLES.length] as string) + word;
  return word;
}

/** A rank; the word of rank r comes about 1/r as often as the first, as in a language (Zipf's law). */
export function frequentRank(draw: (limit: number) => number): number {
  return Math.floor((WORDS + 1) ** (draw(DRAWS) / DRAWS));
}

/** About 150 bytes of words; the same ones in every run. No two of them are equal: the last word is the number. */
export function textAt(index: number): string {
  const draw = randomIntegers(index);
  const words = Array.from({ length: WORDS_OF_TEXT }, () => wordAt(frequentRank(draw)));
  return `${words.join(" ")} ${index}`;
}
