import type { CallOptions, EventId } from "../contract/store.js";
import type { Codec } from "../typed/codec.js";
import type { JsonInputOf, JsonObjectInput, JsonValue } from "../typed/json-value.js";
import type { Clock } from "../typed/time.js";
import type { Session } from "./session.js";

/** What `createSessions` takes beside the store. */
export interface SessionsOptions<M, E, MetadataInput = MetadataInputOf<M>, EventInput = JsonInputOf<E>> {
  /**
   * Of metadata: one that writes JSON, as `json({ schema, version, upgrades })` makes it. The version is kept with the
   * metadata. Default: plain objects in JSON.
   */
  readonly metadata?: Codec<M, MetadataInput>;
  /** Of events. Default `json()`. */
  readonly events?: Codec<E, EventInput>;
  /**
   * Dates sessions: `createdAt`, `updatedAt`, `closedAt` and the lease of a deletion. Events, summaries and state carry
   * the store's time. Milliseconds since 1970. Default the process's steady clock. The clocks of processes that delete sessions may be
   * half a minute apart, and no more.
   */
  readonly clock?: Clock;
}

/** What a session is created with. */
export interface CreateOptions<Input> extends CallOptions {
  /** Default `{}`. */
  readonly metadata?: Input;
  /**
   * Makes the creation idempotent: sent again with the same metadata it is a duplicate. 1 to 105 UTF-8 bytes. Belongs
   * to the session; where no session is named, one call with one id is one session.
   */
  readonly eventId?: EventId;
}

/** What became of a creation. */
export interface CreateReceipt<M> {
  /** As it is now. */
  readonly session: Session<M>;
  /** It was created before by this call: nothing was written now. */
  readonly duplicate: boolean;
}

/** What metadata is where no type is given: an object in JSON. */
export type Metadata = { readonly [name: string]: JsonValue };

/** What may be written as metadata where `M` is read. */
export type MetadataInputOf<M> = Metadata extends M ? JsonObjectInput : M;
