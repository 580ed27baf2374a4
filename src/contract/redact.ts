/**
 * What takes secrets out of the values that a wrapper stores: the option `redact` of every wrapper. `redacting` of
 * `groundstate/layers` makes it.
 */
export interface Redact {
  /**
   * The text with `«redacted:KIND»` in the place of each secret; the same text if it has none. What was redacted is counted
   * on the channel `groundstate:redaction`.
   */
  text(text: string, place?: RedactedPlace): string;
}

/** Where a text stands. */
export interface RedactedPlace {
  /** The wrapper that is to store it, for the diagnostics events. */
  readonly wrapper?: string;
  /** The property of an object that has it: some secrets are known by that, such as the value of `x-api-key`. */
  readonly name?: string;
}

/** An option of wrappers. */
export interface RedactOption {
  /**
   * Takes secrets out of texts before they are stored: `redacting()` of `groundstate/layers`. Default: texts are stored as they
   * are given.
   */
  readonly redact?: Redact;
}
