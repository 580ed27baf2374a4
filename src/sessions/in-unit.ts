import type { SaveReceipt, SessionIdentity } from "../contract/store.js";
import type { PutOptions, Updater } from "../typed/cell-operations.js";
import type { NewEntry } from "../typed/journal.js";
import type { AppendReceipt } from "../typed/journal-append.js";
import type { JsonInput, JsonValue } from "../typed/json-value.js";
import type { Unit } from "../typed/together/unit.js";
import type { ExpectOptions } from "./last-event.js";
import type { SessionOperations } from "./operations.js";
import type { CreateOptions, CreateReceipt } from "./options.js";
import type { NewSessionIdentity, UserRef } from "./owners.js";
import type { RedactOptions, Replacement } from "./replacing.js";
import type { RewriteReceipt } from "./rewriting.js";
import type { Session } from "./session.js";
import type { SessionEvent } from "./session-event.js";
import type { StateValues } from "./state-values.js";
import type { NewSummary, SaveSummaryOptions } from "./summaries.js";
import type { Truncated, TruncateRange } from "./taking-back.js";

/** Where the values of state maps are. */
export interface StatePlaces {
  session(identity: SessionIdentity): StateValues;
  user(user: UserRef): StateValues;
  tenant(tenant: string): StateValues;
}

/**
 * The mutating methods of sessions that fit into a commit, as part of a unit of `together`. They take, answer and refuse what
 * the methods of `Sessions` of the same names do, without a signal.
 */
export class SessionsInUnit<M, E, MetadataInput, EventInput> {
  readonly #unit: Unit;
  readonly #operations: SessionOperations<M, E, MetadataInput, EventInput>;
  readonly #states: StatePlaces;

  /** @internal */
  constructor(
    unit: Unit,
    operations: SessionOperations<M, E, MetadataInput, EventInput>,
    states: StatePlaces,
  ) {
    this.#unit = unit;
    this.#operations = operations;
    this.#states = states;
  }

  /** Like `Sessions.create`, but UNAVAILABLE (`busy`) at once while a session of this name is being deleted. */
  async create(
    identity: NewSessionIdentity,
    options?: Omit<CreateOptions<MetadataInput>, "signal">,
  ): Promise<CreateReceipt<M>> {
    return this.#unit.run(this.#operations.create(identity, options));
  }

  /** Like `Sessions.touch`. */
  async touch(identity: SessionIdentity): Promise<Session<M>> {
    return this.#unit.run(this.#operations.touch(identity));
  }

  /** Like `Sessions.changeMetadata`. `change` must make no call of the unit. */
  async changeMetadata(
    identity: SessionIdentity,
    change: (current: M) => MetadataInput | Promise<MetadataInput>,
  ): Promise<Session<M>> {
    return this.#unit.run(this.#operations.changeMetadata(identity, change));
  }

  /** Like `Sessions.close`. */
  async close(identity: SessionIdentity): Promise<Session<M>> {
    return this.#unit.run(this.#operations.close(identity));
  }

  /** Like `Sessions.reopen`. */
  async reopen(identity: SessionIdentity): Promise<Session<M>> {
    return this.#unit.run(this.#operations.reopen(identity));
  }

  /** Like `Sessions.pin`. */
  async pin(identity: SessionIdentity): Promise<Session<M>> {
    return this.#unit.run(this.#operations.pin(identity));
  }

  /** Like `Sessions.unpin`. */
  async unpin(identity: SessionIdentity): Promise<Session<M>> {
    return this.#unit.run(this.#operations.unpin(identity));
  }

  /** Like `Sessions.append`. The numbers are those of the events if the unit takes effect. */
  async append(
    identity: SessionIdentity,
    events: NewEntry<EventInput> | readonly NewEntry<EventInput>[],
    options?: ExpectOptions,
  ): Promise<AppendReceipt> {
    return this.#unit.run(this.#operations.append(identity, events, options));
  }

  /** Like `Sessions.replace`. */
  async replace(identity: SessionIdentity, replacement: Replacement<EventInput>): Promise<SaveReceipt> {
    return this.#unit.run(this.#operations.replace(identity, replacement));
  }

  /** Like `Sessions.redact`. */
  async redact(
    identity: SessionIdentity,
    number: number,
    options: Omit<RedactOptions, "signal">,
  ): Promise<void> {
    return this.#unit.run(this.#operations.redact(identity, number, options));
  }

  /** Like `Sessions.truncate`, but INVALID_RECORD for more than the last 1,000 numbers. */
  async truncate(
    identity: SessionIdentity,
    range: TruncateRange,
    options?: ExpectOptions,
  ): Promise<Truncated> {
    return this.#unit.run(this.#operations.truncate(identity, range, options));
  }

  /** Like `Sessions.pop`. */
  async pop(identity: SessionIdentity, count = 1, options?: ExpectOptions): Promise<SessionEvent<E>[]> {
    return this.#unit.run(this.#operations.pop(identity, count, options));
  }

  /** Like `Sessions.rewrite`. The old events are those that are stored when the unit begins. */
  async rewrite(
    identity: SessionIdentity,
    events: readonly NewEntry<EventInput>[],
    options?: ExpectOptions,
  ): Promise<RewriteReceipt> {
    return this.#unit.run(this.#operations.rewrite(identity, events, options));
  }

  /** Like `Sessions.saveSummary`. */
  async saveSummary(
    identity: SessionIdentity,
    summary: NewSummary,
    options?: Omit<SaveSummaryOptions, "signal">,
  ): Promise<SaveReceipt> {
    return this.#unit.run(this.#operations.saveSummary(identity, summary, options));
  }

  /** The state of a session. Throws INVALID_RECORD for a wrong identity. */
  sessionState(identity: SessionIdentity): StateInUnit {
    return new StateInUnit(this.#unit, this.#states.session(identity));
  }

  /** The state of a user. Throws if a name is wrong. */
  userState(user: UserRef): StateInUnit {
    return new StateInUnit(this.#unit, this.#states.user(user));
  }

  /** The state of a tenant. Throws if the name is wrong. */
  tenantState(tenant: string): StateInUnit {
    return new StateInUnit(this.#unit, this.#states.tenant(tenant));
  }
}

/** The mutating methods of a state map, as part of a unit of `together`. They do what those of `StateMap` do. */
export class StateInUnit {
  readonly #unit: Unit;
  readonly #values: StateValues;

  /** @internal */
  constructor(unit: Unit, values: StateValues) {
    this.#unit = unit;
    this.#values = values;
  }

  /** Like `StateMap.set`. A value is written under one `eventId` per unit. */
  async set(key: string, value: JsonInput, options?: Omit<PutOptions, "signal">): Promise<SaveReceipt> {
    return this.#unit.run(this.#values.set(key, value, options));
  }

  /** Like `StateMap.update`. `update` must make no call of the unit. */
  async update(key: string, update: Updater<JsonValue, JsonInput>): Promise<JsonValue> {
    return this.#unit.run(this.#values.update(key, update));
  }

  /** Like `StateMap.delete`. */
  async delete(key: string): Promise<boolean> {
    return this.#unit.run(this.#values.delete(key));
  }
}
