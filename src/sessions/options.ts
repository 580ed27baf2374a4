import type { RedactOption } from "../contract/redact.js";
import type { CallOptions, EventId } from "../contract/store.js";
import type { Codec } from "../typed/codec.js";
import type { JsonInputOf, JsonObjectInput, JsonValue } from "../typed/json-value.js";
import type { Clock } from "../typed/time.js";
import type { Session } from "./session.js";
import type { SessionSearchOptions } from "./session-texts.js";

export type { ForkOrigin } from "./session-record.js";

/** The options of `createSessions`. */
export interface SessionsOptions<M, E, MetadataInput = MetadataInputOf<M>, EventInput = JsonInputOf<E>>
  extends RedactOption {
  /**
   * The codec of metadata. It must write JSON, as `json({ schema, version, upgrades })` does. Its version is stored with
   * the metadata. Default: plain objects in JSON.
   */
  readonly metadata?: Codec<M, MetadataInput>;
  /** The codec of events. Default `json()`. */
  readonly events?: Codec<E, EventInput>;
  /**
   * The clock for `createdAt`, `updatedAt`, `closedAt` and the lease of a deletion, in milliseconds since 1970. Default
   * the process's steady clock. Events, summaries and state get the store's time. The clocks of processes that delete
   * sessions must not differ by more than 30 seconds.
   */
  readonly clock?: Clock;
  /**
   * Names of metadata fields by which `list` and `count` filter: up to 8. A field counts if its value is a string, a number or
   * a boolean, or an array of up to 20 of these: then each. Say the same in all processes. Sessions that were created before a
   * field was declared are listed by it from their next change on that is no event, or after `reindex`.
   */
  readonly fields?: readonly string[];
  /**
   * The most bytes that an event may have, as its codec writes it: 1 byte to 256 MiB. Default 64 MiB. What is larger is
   * INVALID_RECORD: keep it as an artifact, and a reference to it in the event.
   */
  readonly maxJsonBytes?: number;
  /** Which texts `search` finds. */
  readonly search?: SessionSearchOptions<M, E>;
}

/** What a session is created with. */
export interface CreateOptions<Input> extends CallOptions {
  /** Default `{}`. */
  readonly metadata?: Input;
  /**
   * Makes the creation idempotent: the same call again, with the same metadata, is a duplicate. 1 to 105 UTF-8 bytes.
   * The id is unique per session. If the call names no session, the id determines the session's name.
   */
  readonly eventId?: EventId;
}

/** What a fork is made of. */
export interface ForkSessionOptions<Input> extends CallOptions {
  /** The number of the last event that comes along; 0 for none. Default the last one. */
  readonly upTo?: number;
  /** Default that of the source. */
  readonly metadata?: Input;
  /**
   * Makes the fork idempotent if `to` names no session: the id then determines the session's name, as that of `create`. 1 to
   * 105 UTF-8 bytes.
   */
  readonly eventId?: EventId;
}

/** On which condition a session is deleted. */
export interface DeleteSessionOptions extends CallOptions {
  /** Only if its `updatedAt` is before this time. Absent: whatever it is. CORRUPT for a session that cannot be read. */
  readonly ifIdleSince?: Date;
}

/** How lines are imported. */
export interface ImportSessionOptions extends CallOptions {
  /**
   * Makes the import idempotent if `to` names no session: the id then determines the session's name, as that of `create`. 1 to
   * 105 UTF-8 bytes.
   */
  readonly eventId?: EventId;
}

/** The result of a creation. */
export interface CreateReceipt<M> {
  /** The session as it is now. */
  readonly session: Session<M>;
  /** An earlier attempt of this call created the session: this one wrote nothing. */
  readonly duplicate: boolean;
}

/** The default type of metadata: a JSON object. */
export type Metadata = { readonly [name: string]: JsonValue };

/** The type to write as metadata where `M` is read. */
export type MetadataInputOf<M> = Metadata extends M ? JsonObjectInput : M;
