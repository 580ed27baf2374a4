import type { RedactOption } from "../contract/redact.js";
import type { CallOptions, EventId, Expect } from "../contract/store.js";
import type { JsonInput, JsonValue } from "../typed/json-value.js";
import type { Clock } from "../typed/time.js";
import type { TransactOptions } from "../typed/transact.js";

/** The options of `createExpiring`. */
export interface ExpiringOptions extends RedactOption {
  /**
   * Milliseconds since 1970. Default the process's steady clock. It dates values and says which are past their time, so the
   * clocks of all processes should agree to within a few seconds.
   */
  readonly clock?: Clock;
}

/** A value that is not past its time. */
export interface ExpiringValue<T extends JsonValue = JsonValue> {
  /** The caller's key, unique in its group. */
  readonly key: string;
  /** The value. */
  readonly value: T;
  /** The event that wrote or touched it; `expect` takes it. */
  readonly eventId: EventId;
  /** When it was written or touched. */
  readonly updatedAt: Date;
  /** From this time on there is no such value any more. */
  readonly expiresAt: Date;
}

/** For how long a value lives. */
export interface TimeToLive {
  /** In milliseconds from now: 1 to ten years. */
  readonly ttlMs: number;
}

/** How a value is set, in a unit of `together`. */
export interface SetExpiring extends TimeToLive {
  /** Makes the call happen once: 1 to 91 UTF-8 bytes, unique under its identity. */
  readonly id?: string;
  /** Only if the value was written by this event; `null`: only if there is none, or it is past its time. */
  readonly expect?: Expect;
}

/** How a value is set. */
export interface SetExpiringOptions extends SetExpiring, CallOptions {}

/** How a value is touched. */
export interface TouchOptions extends TimeToLive, CallOptions {}

/** How a value is updated. */
export interface UpdateExpiringOptions extends TimeToLive, CallOptions, Pick<TransactOptions, "attempts"> {}

/** Under which condition a value is deleted, in a unit of `together`. */
export interface DeleteExpiring {
  /** Only if the value was written by this event. */
  readonly expect?: EventId;
}

/** How a value is deleted. */
export interface DeleteExpiringOptions extends DeleteExpiring, CallOptions {}

/** Returns the new value for the current one. It is called again when another writer was faster. */
export type ExpiringUpdater = (current: JsonValue | undefined) => JsonInput | Promise<JsonInput>;

/** What came of a `set`. */
export interface ExpiringReceipt {
  /** The event that wrote the value. */
  readonly eventId: EventId;
  /** The same call took effect before: nothing was written. The value may be past its time, or another one, since. */
  readonly duplicate: boolean;
}

/** Which values `list` returns. */
export interface ListExpiringOptions extends CallOptions {
  /** Only keys that begin with this. */
  readonly prefix?: string | undefined;
  /** 1 to 1,000. Default 50. */
  readonly limit?: number | undefined;
  /** The `next` of the page before. */
  readonly after?: string | undefined;
}

/** A page of values. */
export interface ExpiringPage {
  /**
   * By key. They can be fewer than `limit` though there are more: one call reads past 10,000 values that are past their time,
   * and about 16 MiB of values at most.
   */
  readonly values: readonly ExpiringValue[];
  /** Where the next page begins; absent on the last. */
  readonly next?: string;
}
