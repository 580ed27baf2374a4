const MIB = 1024 * 1024;

/**
 * The limits of a record, a commit and a call; the same on every driver. Sizes of text are in UTF-8 bytes. `limits` of a
 * store says what that very store accepts, its options included.
 */
export const LIMITS = Object.freeze({
  /** Tenant, user, session and run, each. */
  nameBytes: 255,
  /** Kind and kind prefix. */
  kindBytes: 512,
  /** Event ids. */
  eventIdBytes: 128,
  /** The payload of a record, unless the store has another `maxBytes`. */
  payloadBytes: MIB,
  /** All payloads of one commit; also the upper bound of `maxBytes`. */
  commitBytes: 16 * MIB,
  /** The number of changes in one commit. */
  changes: 4096,
  /** The number of erases among them: each may put up a fence, which later reads and writes of its session look at. */
  erases: 256,
  /** The number of slots of one watch. */
  watchedSlots: 256,
  /** The upper bound of `limit`. */
  limit: 10_000,
  /** 0001-01-01T00:00:00.000Z */
  earliest: -62_135_596_800_000,
  /** 9999-12-31T23:59:59.999Z */
  latest: 253_402_300_799_999,
  /** 24 hours, in milliseconds. */
  idempotencyWindowMs: 86_400_000,
});
