import type { Codec } from "../typed/codec.js";
import type { Transaction } from "../typed/transaction.js";
import type { ContentRecord, LifecycleKey, LifecycleState, Whole } from "./stored.js";

/** What a lifecycle's records are, which changes they allow, and how they are found. */
export interface LifecycleDeclaration<S extends LifecycleState, C, V> {
  /**
   * The name of the records, which is also the prefix of all their kinds: 1 to 64 UTF-8 bytes without a slash. Records of
   * `approval` are `approval/<id>`, their lists `approval.session/` and `approval.tenant/`.
   */
  readonly name: string;
  /** What an error calls a record: `no such <noun> in this session`. Default the name. */
  readonly noun?: string;
  /** What the content is called, in its kind `<name>.<contentName>/<id>` and in errors. Default `content`. */
  readonly contentName?: string;
  /**
   * To which statuses each status may change. The statuses stand in the order in which they follow each other: a reader
   * that lists one after the other does not miss a record that changes meanwhile. A status that leads nowhere is final, the
   * others are open. A status names itself where the state may change without it. Lower-case letters and hyphens.
   */
  readonly transitions: { readonly [Status in S["status"]]: readonly S["status"][] };
  /** The status of records whose `expiresAt` has passed. Every status that may change to it expires by itself. */
  readonly expired?: S["status"];
  /** The statuses during which `wait` waits. Default every open one. */
  readonly awaited?: readonly S["status"][];
  /** The lists of the records. `{ under: "tenant" }` has to be among them: maintenance goes by it. */
  readonly listedBy: readonly Place<C, S>[];
  /**
   * The lists got their fields after records had been stored: where an entry says nothing of any field, its record is read.
   * Default false.
   */
  readonly fieldsAdded?: boolean;
  /** Records are found by their id alone, whatever their session is, with `locate`. Default false. */
  readonly located?: boolean;
  /** The order of a list, by the time of creation. Default `newest`. */
  readonly listedFirst?: "newest" | "oldest";
  /**
   * The time from which on somebody should deal with the record, such as the end of a lease, in milliseconds since 1970;
   * `undefined` if nobody should. `recoverDue` and `changeNextDue` find records by it, the oldest first.
   */
  readonly due?: (state: S) => number | undefined;
  /**
   * How far from now a due time can be, in milliseconds. A later one was written by a clock that was ahead: the record is due
   * at once, because its time could be years away. Default: no limit.
   */
  readonly dueWithinMs?: number;
  /** A field of `listedBy` by whose value due records can be chosen. */
  readonly dueBy?: string;
  /** Stores the state. Reading must refuse a state that contradicts itself. */
  readonly stateCodec: Codec<S>;
  /** Stores the content. It has a record of its own, so that a large one leaves room for the state. */
  readonly contentCodec: Codec<ContentRecord<C>>;
  /** A part of the state that comes later, may be large, and does not change again. */
  readonly laterPart?: LaterPart<S>;
  /** The fields of the content that may be large: an error about the size of the record names the one to blame. */
  readonly largeFields?: readonly (keyof C & string)[];
  /**
   * The record as a caller sees it, with its status at the time: the expired one also if nobody has marked the record yet.
   * It may share objects with `whole`.
   */
  readonly view: (key: LifecycleKey, whole: Whole<S, C>, status: S["status"]) => V;
  /** The prefixes of kinds of the session that belong to a record, such as its steps: `forgetUser` erases them with it. */
  readonly attached?: (id: string) => readonly string[];
  /**
   * The prefixes of kinds of the session where content of a record lies that `alongside` removes with it. It moves with the
   * record; where the record is too damaged to be removed so, it is erased.
   */
  readonly largeContent?: (id: string) => readonly string[];
  /** When a record ended, in milliseconds since 1970: its age counts from then on. Default: when it was created. */
  readonly endedAt?: (state: S) => number | undefined;
  /**
   * A record that has ended without what may be large or private, such as arguments and results: what retention makes of it
   * first. `stateCodec` has to keep `payloadRemovedAt`, which is written with it. Default: its payload goes with the record.
   */
  readonly withoutPayload?: (whole: Whole<S, C>) => Whole<S, C>;
  /** What else the commit removes that takes the payload of a record in this state, such as its large content. */
  readonly payloadRemoved?: (transaction: Transaction, key: LifecycleKey, state: S) => Promise<void>;
  /** Of the prefixes of `attached`, those that are payload too. */
  readonly attachedPayload?: (id: string) => readonly string[];
  /** Whether a record that is there is what is created again. Default: its content is equal. */
  readonly isSame?: (before: Whole<S, C>, created: Whole<S, C>) => boolean;
  /**
   * What else is written, or read, in the commit that creates, changes or removes a record. It runs again when another writer
   * was faster.
   */
  readonly alongside?: (transaction: Transaction, key: LifecycleKey, made: Made<S, C>) => Promise<void>;
  /**
   * What else is written, or read, in the commit that moves a record to the same session of another user. It may refuse that
   * by an error.
   */
  readonly moved?: (
    transaction: Transaction,
    from: LifecycleKey,
    to: LifecycleKey,
    whole: Whole<S, C>,
  ) => Promise<void>;
  /** Takes apart a state in which an older version stored the content too; `undefined` for any other. */
  readonly takeApart?: (state: S) => Whole<S, C> | undefined;
}

/** What a commit makes of a record. */
export interface Made<S, C> {
  /** The state before; `undefined` for a record that is created. */
  readonly before: S | undefined;
  /** The record after it; `undefined` for one that is removed. */
  readonly now: Whole<S, C> | undefined;
  /** Retention removes it: what is meant to outlive the record stays. Absent: it is forgotten. */
  readonly isRetention?: boolean;
}

/**
 * A part of the state that is stored in a record of its own, as the content is, so that it leaves room for the rest.
 * `stateCodec` leaves it out.
 */
export interface LaterPart<S> {
  /** What it is called, in its kind `<name>.<its name>/<id>` and in errors. */
  readonly name: string;
  /** Whether there is one, also for a state that was read without it. */
  readonly isIn: (state: S) => boolean;
  /** Reads the part from a record. Refuses one that is damaged. */
  readonly read: (part: object) => object;
  /** The part of a state that has it. */
  readonly of: (state: S) => object;
  /** The state with the part that was read. */
  readonly join: (state: S, part: object) => S;
  /** The field that an error about its size names. */
  readonly field: string;
}

/** A list that holds every record, or with `field` one list for each value of a field. */
export type Place<C, S = unknown> = PlaceOfAll | PlaceOfField<C, S>;

/** One list for each session, user or tenant. */
export interface PlaceOfAll {
  /** Whose records one list holds. */
  readonly under: Owner;
  /**
   * No list is kept: that of the owner, or for users that of the tenant, is read, and what does not belong to this one is left
   * out. It spares every change of a status two writes, and suits owners that have no more than thousands of records.
   * Default false.
   */
  readonly filtered?: boolean;
}

/** One list for each value of a field, within a session, user or tenant. */
export interface PlaceOfField<C, S = unknown> extends PlaceOfAll {
  /** The name of the field, as `by` of `list` has it: 1 to 32 UTF-8 bytes without a slash. */
  readonly field: string;
  /** The value of the field; a record without one is not in these lists. */
  readonly value: (content: C, state: S) => string | undefined;
}

/** Whose records a list holds. */
export type Owner = "session" | "user" | "tenant";

/** What the index of due records goes by. */
export type DueDeclaration<S extends LifecycleState> = Pick<
  LifecycleDeclaration<S, unknown, unknown>,
  "dueWithinMs" | "dueBy"
> & { readonly due: (state: S) => number | undefined };
