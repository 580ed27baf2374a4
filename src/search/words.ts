/** Marks that a reader may leave out: accents, points of Hebrew, vowels and the stretched line of Arabic. */
const MARKS =
  /[\u0300-\u036f\u0483-\u0487\u0591-\u05bd\u05bf\u05c1\u05c2\u05c4\u05c5\u05c7\u0610-\u061a\u064b-\u065f\u0670]|\u0640|\ufe0f/gu;
/** A word, or a picture: an emoji, of a joined one each part, or a flag. */
const PIECE = /[\p{L}\p{N}\p{M}]+|\p{Regional_Indicator}{2}|\p{Extended_Pictographic}/gu;
/** Runs of the scripts that put no spaces between words. */
const RUN =
  /(?<ideographs>[\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}ー]+)|(?<dictionary>[\p{Script=Thai}\p{Script=Lao}\p{Script=Khmer}\p{Script=Myanmar}]+)|(?<others>(?:(?![\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}ー\p{Script=Thai}\p{Script=Lao}\p{Script=Khmer}\p{Script=Myanmar}]).)+)/gu;
/** Letters that Unicode does not decompose, as Lucene's ASCIIFoldingFilter writes them; the other form of sigma. */
const LETTERS: Readonly<Record<string, string>> = {
  æ: "ae",
  đ: "d",
  ð: "d",
  ħ: "h",
  ı: "i",
  ł: "l",
  ŋ: "n",
  ø: "o",
  œ: "oe",
  ß: "ss",
  ŧ: "t",
  þ: "th",
  ς: "σ",
};
const UNDECOMPOSED = new RegExp(`[${Object.keys(LETTERS).join("")}]`, "gu");
const IS_ASCII = /^[\0-\x7f]*$/;
const ASCII_WORD = /[a-z0-9]+/g;
const IDEOGRAPH = /^[\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}ー]/u;
const HANGUL = /^\p{Script=Hangul}/u;

/** Longer words are cut: what is longer is most often data. In UTF-16 units. */
const MAX_WORD = 64;

const SEGMENTER = new Intl.Segmenter(undefined, { granularity: "word" });

/** The words under which a text is found. */
export function indexedWords(text: string): string[] {
  return wordsOf(text, (characters) => [...characters, ...pairsOf(characters)]);
}

/** The words of a query, each once. */
export function queryWords(text: string): string[] {
  const words = wordsOf(text, (characters) => (characters.length === 1 ? characters : pairsOf(characters)));
  return [...new Set(words)];
}

/** Whether a text that has a longer word which begins with this one is found too. */
export function findsLonger(word: string): boolean {
  // Korean appends particles to words, most of which have two syllables.
  return (word.length >= 3 || (word.length === 2 && HANGUL.test(word))) && !IDEOGRAPH.test(word);
}

/**
 * Words in lower case and without accents. Chinese and Japanese are divided into characters and pairs of characters, as
 * Lucene's CJK analyzer does, because a dictionary may divide a query in another way than the text; Thai, Lao, Khmer and
 * Burmese by the dictionaries of `Intl.Segmenter`.
 */
function wordsOf(text: string, ofIdeographs: (characters: string[]) => string[]): string[] {
  if (IS_ASCII.test(text)) return (text.toLowerCase().match(ASCII_WORD) ?? []).map(cut);
  const words: string[] = [];
  for (const [piece] of fold(text).matchAll(PIECE)) {
    for (const { groups: run } of piece.matchAll(RUN)) {
      if (run?.ideographs !== undefined) words.push(...ofIdeographs([...run.ideographs]));
      else if (run?.dictionary !== undefined) words.push(...dividedByDictionary(run.dictionary));
      else if (run?.others !== undefined) words.push(cut(run.others));
    }
  }
  return words;
}

function fold(text: string): string {
  const folded = text.normalize("NFKD").toLowerCase().replace(MARKS, "").normalize("NFC");
  return folded.replace(UNDECOMPOSED, (letter) => LETTERS[letter] as string);
}

function pairsOf(characters: readonly string[]): string[] {
  return characters.slice(1).map((character, before) => `${characters[before]}${character}`);
}

function dividedByDictionary(text: string): string[] {
  return Array.from(SEGMENTER.segment(text), ({ segment }) => cut(segment));
}

function cut(word: string): string {
  return word.length <= MAX_WORD ? word : word.slice(0, MAX_WORD).toWellFormed();
}
