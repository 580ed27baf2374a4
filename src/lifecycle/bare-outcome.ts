/** What stands in the place of a text that retention removed, where a text has to be. */
export const REMOVED_TEXT = "[removed]";

/** What came of something without its result, and without the text of its error, which often quotes the payload. */
export function bareOutcome<
  O extends { readonly result?: unknown; readonly resultAt?: unknown; readonly error?: string },
>({ result: _, resultAt: __, ...outcome }: O): Omit<O, "result" | "resultAt"> {
  return outcome.error === undefined ? outcome : { ...outcome, error: REMOVED_TEXT };
}
