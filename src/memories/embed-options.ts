/** How vectors of texts are made. */
export interface EmbedOptions {
  /** Names the model and its settings: 1 to 255 UTF-8 bytes. Vectors of different models are never compared. */
  readonly model: string;
  /**
   * Returns a vector for each text, in their order: 1 to 8,192 numbers, not all of them 0, and of the same model as many each
   * time. The signal aborts when the time is up.
   */
  readonly vectorsOf: (
    texts: readonly string[],
    options: { readonly signal: AbortSignal },
  ) => Promise<readonly ArrayLike<number>[]> | readonly ArrayLike<number>[];
  /** How long one call may take, in milliseconds: 1 to 600,000. Default 10,000. */
  readonly timeoutMs?: number;
  /** How many texts one call gets at most: 1 to 2,048. Default 64. */
  readonly batch?: number;
}
