/** What shows that a sentence is kept: the ids of the cases that state it, or in words why no case does. */
export type Shown = readonly string[] | string;

/** The sentences of doc comments, as they stand there, by the declaration that they stand at: `StateStore.save`. */
export type Sentences = Readonly<Record<string, Readonly<Record<string, Shown>>>>;

/** Why no case states a sentence. */
export const NAMES = "says what is meant, and promises nothing";
export const ADVICE = "is advice to the caller";
export const TYPES = "the compiler checks it";
export const GIVEN = "the store sees to it before the driver is called";
export const OPERATORS = "is for operators; the suite knows no driver's storage";
export const WRAPPERS = "is about wrappers or `openStore`, not about a store";
export const FAILURE = "takes a storage that fails, which a harness cannot make";
export const HIDDEN = "cannot be seen through a store";
export const COST = "is about time, which a case cannot judge beside other work";

/** `createStore` or another part of the package keeps the sentence, whatever the driver does: this test of the project shows it. */
export function kept(file: string, title: string): string {
  return `kept over every driver, as \`test/${file}.test.ts\` shows: "${title}"`;
}
