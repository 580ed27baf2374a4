const MIB = 1024 * 1024;

/** What a record, a commit and a call may hold; the same on every driver. Sizes of text are in UTF-8 bytes. */
export const LIMITS = Object.freeze({
  /** Tenant, user, session and run, each. */
  nameBytes: 255,
  /** Kind and kind prefix. */
  kindBytes: 512,
  /** Event ids. */
  eventIdBytes: 128,
  /** A record's payload, unless `maxBytes` says otherwise. */
  payloadBytes: MIB,
  /** The most that `maxBytes` may say, and all payloads of one commit. */
  commitBytes: 16 * MIB,
  /** Changes of one commit. */
  changes: 256,
  /** The most that `limit` may say. */
  limit: 10_000,
  /** 0001-01-01T00:00:00.000Z */
  earliest: -62_135_596_800_000,
  /** 9999-12-31T23:59:59.999Z */
  latest: 253_402_300_799_999,
  /** 24 hours, in milliseconds. */
  idempotencyWindowMs: 86_400_000,
});
