import type { RedactOption } from "../contract/redact.js";
import type { CallOptions, EventId, Expect, UserIdentity } from "../contract/store.js";
import type { JsonInput, JsonValue } from "../typed/json-value.js";
import type { Clock } from "../typed/time.js";
import type { TransactOptions } from "../typed/transact.js";

/** The options of `createFacts`. */
export interface FactsOptions extends RedactOption {
  /** Milliseconds since 1970. Default the process's steady clock. It dates facts. */
  readonly clock?: Clock;
}

/** Whose facts are meant: those about a user, or those of a whole tenant. */
export type FactsOf = UserIdentity | { readonly tenant: string };

/**
 * A path of parts, such as `["preferences", "food"]`. A part is text of any sort, slashes too; the parts and the key have
 * about 500 UTF-8 bytes in all.
 */
export type Namespace = readonly string[];

/** Something that is known. */
export interface Fact {
  /** Where it is filed: one part at least. */
  readonly namespace: Namespace;
  /** What it is called, unique in its namespace. */
  readonly key: string;
  /** What is known. */
  readonly value: JsonValue;
  /** The run that learned it. */
  readonly run?: string;
  /** When it was put or updated. */
  readonly learnedAt: Date;
  /** The event that wrote it; `expect` takes it. */
  readonly eventId: EventId;
}

/** Who has learned a fact. */
export interface Learned {
  /** The run that learned it: 1 to 255 UTF-8 bytes. */
  readonly run?: string;
}

/** How a fact is put, in a unit of `together`. */
export interface PutFact extends Learned {
  /** Makes the call happen once: 1 to 105 UTF-8 bytes, unique for the user or tenant. */
  readonly id?: string;
  /** Only if the fact was written by this event; `null`: only if there is none. */
  readonly expect?: Expect;
}

/** How a fact is put. */
export interface PutFactOptions extends PutFact, CallOptions {}

/** How a fact is updated. */
export interface UpdateFactOptions extends Learned, CallOptions, Pick<TransactOptions, "attempts"> {}

/** Under which condition a fact is deleted, in a unit of `together`. */
export interface DeleteFact {
  /** Only if the fact was written by this event. */
  readonly expect?: EventId;
}

/** How a fact is deleted. */
export interface DeleteFactOptions extends DeleteFact, CallOptions {}

/** Returns the new value for the current one. It is called again when another writer was faster. */
export type FactUpdater = (current: JsonValue | undefined) => JsonInput | Promise<JsonInput>;

/** What came of a `put`. */
export interface FactReceipt {
  /** The event that wrote the fact. */
  readonly eventId: EventId;
  /** The same call took effect before: nothing was written. There may be another fact, or none, since. */
  readonly duplicate: boolean;
}

/** Which facts of a namespace are meant. */
export interface FactsInOptions extends CallOptions {
  /** Also those of the namespaces that begin with all of its parts. Default false. */
  readonly nested?: boolean;
}

/** Which facts `list` returns. */
export interface ListFactsOptions extends FactsInOptions {
  /** 1 to 1,000. Default 50. */
  readonly limit?: number | undefined;
  /** The `next` of the page before. */
  readonly after?: string | undefined;
}

/** A page of facts. */
export interface FactPage {
  /** By namespace and then by key. They can be fewer than `limit` though there are more: a page ends at about 16 MiB. */
  readonly facts: readonly Fact[];
  /** Where the next page begins; absent on the last. */
  readonly next?: string;
}

/** Which namespaces `namespaces` returns. */
export interface ListNamespacesOptions extends CallOptions {
  /** 1 to 1,000. Default 50. */
  readonly limit?: number | undefined;
  /** The `next` of the page before. */
  readonly after?: string | undefined;
}

/** A page of namespaces. */
export interface NamespacePage {
  /** Those that have facts of their own, each once. */
  readonly namespaces: readonly Namespace[];
  /** Where the next page begins; absent on the last. */
  readonly next?: string;
}
