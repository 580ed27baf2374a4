import type { CallOptions, EventId } from "../../contract.js";
import type { Codec } from "../codec.js";
import type { JsonValue } from "../json-value.js";
import type { StandardSchema } from "../standard-schema.js";
import type { Clock } from "../time.js";
import type { UserRef } from "./owners.js";
import type { Session } from "./session.js";

export interface SessionsOptions<M, E, MetadataInput = M, EventInput = E> {
  /** Validates metadata on write and on read; what it returns has to pass it again, unchanged. */
  readonly metadata?: StandardSchema<MetadataInput, M>;
  /** Of events. Default `json()`. */
  readonly events?: Codec<E, EventInput>;
  /**
   * Milliseconds since 1970. Default `Date.now`. The clocks of processes that delete sessions may be half a minute
   * apart, and no more.
   */
  readonly clock?: Clock;
}

/** The session to create: without `session` an id is made. */
export interface NewSessionIdentity extends UserRef {
  readonly session?: string;
}

export interface CreateOptions<Input> extends CallOptions {
  /** Default `{}`. */
  readonly metadata?: Input;
  /**
   * Makes the creation idempotent: sent again with the same metadata it is a duplicate. 1 to 105 UTF-8 bytes. Belongs
   * to the session; where no session is named, one call with one id is one session.
   */
  readonly eventId?: EventId;
}

export interface CreateReceipt<M> {
  /** As it is now. */
  readonly session: Session<M>;
  /** It was created before by this call: nothing was written now. */
  readonly duplicate: boolean;
}

/** What metadata is where no type is given: an object in JSON. */
export type Metadata = { readonly [name: string]: JsonValue };
