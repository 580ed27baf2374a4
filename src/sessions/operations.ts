import type { SaveReceipt, SessionIdentity, StateStore } from "../contract/store.js";
import { copySession } from "../typed/cell.js";
import type { InputReader } from "../typed/input-reader.js";
import type { NewEntry } from "../typed/journal.js";
import type { AppendReceipt } from "../typed/journal-append.js";
import { readScopedId } from "../typed/names.js";
import type { Operation } from "../typed/operation.js";
import { optional } from "../validation/fields.js";
import { readInteger, readNamed, readSignal } from "../validation/validate.js";
import type { Creations, NewSession } from "./creation.js";
import { sessionClosed } from "./errors.js";
import type { NewFork } from "./fork.js";
import type { History } from "./history.js";
import type { HistoryEdits } from "./history-edits.js";
import type { ExpectOptions } from "./last-event.js";
import type { MetadataCodec } from "./metadata.js";
import type { CreateOptions, CreateReceipt, ForkSessionOptions } from "./options.js";
import { type NewSessionIdentity, newOwner } from "./owners.js";
import type { RedactOptions, Replacement } from "./replacing.js";
import type { RewriteReceipt } from "./rewriting.js";
import { type Session, sessionOf } from "./session.js";
import type { SessionEvent } from "./session-event.js";
import { headCell } from "./session-head.js";
import { sessionCell } from "./session-record.js";
import type { SessionChange, SessionRecords, StoredSession } from "./session-records.js";
import { SESSION_STATE, StateValues } from "./state-values.js";
import type { NewSummary, SaveSummaryOptions, Summaries } from "./summaries.js";
import type { Truncated, TruncateRange } from "./taking-back.js";

/** The parts of sessions that write. */
export interface SessionParts<M, E, MetadataInput, EventInput> {
  readonly store: StateStore;
  readonly metadata: MetadataCodec<M, MetadataInput>;
  readonly records: SessionRecords;
  readonly creations: Creations;
  readonly history: History<E, EventInput>;
  readonly edits: HistoryEdits<E, EventInput>;
  readonly summaries: Summaries;
  readonly inputs: InputReader;
}

/** What the mutating methods of sessions do, alone or in a unit. Each reads its input first. */
export class SessionOperations<M, E, MetadataInput, EventInput> {
  readonly #parts: SessionParts<M, E, MetadataInput, EventInput>;

  constructor(parts: SessionParts<M, E, MetadataInput, EventInput>) {
    this.#parts = parts;
  }

  async create(
    identity: NewSessionIdentity,
    options: Omit<CreateOptions<MetadataInput>, "signal"> = {},
  ): Promise<Operation<CreateReceipt<M>>> {
    const requested = await this.readNew(identity, options);
    const creating = this.#parts.creations.operation(requested);
    return {
      turn: creating.turn,
      repeatable: creating.repeatable,
      apply: async (transaction) => {
        const { session, duplicate } = await creating.apply(transaction);
        return { session: await this.view(requested.owner, session), duplicate };
      },
    };
  }

  /** The session to create. */
  async readNew(
    identity: NewSessionIdentity,
    options: Omit<CreateOptions<MetadataInput>, "signal">,
  ): Promise<Omit<NewSession, "signal">> {
    readNamed(options, "options", ["metadata", "eventId"]);
    const eventId = "eventId" in options ? readScopedId(options.eventId, "eventId") : undefined;
    const owner = newOwner(identity, eventId);
    const metadata = await this.#parts.metadata.write(
      "metadata" in options ? (options.metadata as MetadataInput) : ({} as MetadataInput),
    );
    return { owner, metadata, ...(eventId !== undefined && { eventId }) };
  }

  /** The fork to make. */
  async readFork(
    identity: SessionIdentity,
    to: NewSessionIdentity,
    options: ForkSessionOptions<MetadataInput> = {},
  ): Promise<NewFork> {
    const given = {
      ...readNamed(options, "options", ["upTo", "metadata", "eventId", "signal"]),
    } as typeof options;
    const signal = readSignal(options);
    const source = copySession(identity);
    const eventId = "eventId" in given ? readScopedId(given.eventId, "eventId") : undefined;
    const owner = newOwner(to, eventId);
    const upTo = optional(given, "upTo", (value, field) =>
      readInteger(value, field, 0, Number.MAX_SAFE_INTEGER - 1),
    );
    const metadata = "metadata" in given && {
      metadata: await this.#parts.metadata.write(given.metadata as MetadataInput),
    };
    return { source, owner, ...upTo, ...metadata, ...(eventId !== undefined && { eventId }), signal };
  }

  touch(identity: SessionIdentity): Operation<Session<M>> {
    return this.#change(identity, async ({ activity }) => {
      if (activity.closedAt !== undefined) throw sessionClosed(activity.closedAt);
      return { activity: (updatedAt) => ({ ...activity, updatedAt }) };
    });
  }

  changeMetadata(
    identity: SessionIdentity,
    change: (current: M) => MetadataInput | Promise<MetadataInput>,
  ): Operation<Session<M>> {
    const { metadata: codec } = this.#parts;
    return this.#change(identity, async ({ record, activity }, owner) => {
      const current = await codec.read(record.metadata, sessionCell(owner));
      const metadata = await codec.write(await change(current));
      return {
        activity: (updatedAt) => ({ ...activity, updatedAt }),
        record: { ...record, metadata },
      };
    });
  }

  close(identity: SessionIdentity): Operation<Session<M>> {
    return this.#change(identity, async ({ activity }) => {
      if (activity.closedAt !== undefined) return undefined;
      return { activity: (at) => ({ ...activity, updatedAt: at, closedAt: at }) };
    });
  }

  reopen(identity: SessionIdentity): Operation<Session<M>> {
    return this.#change(identity, async ({ activity: { closedAt, ...open } }) => {
      if (closedAt === undefined) return undefined;
      return { activity: (updatedAt) => ({ ...open, updatedAt }) };
    });
  }

  pin(identity: SessionIdentity): Operation<Session<M>> {
    return this.#change(identity, async ({ activity }) => {
      if (activity.pinnedAt !== undefined) return undefined;
      return { activity: () => ({ ...activity, pinnedAt: this.#parts.records.now() }) };
    });
  }

  unpin(identity: SessionIdentity): Operation<Session<M>> {
    return this.#change(identity, async ({ activity: { pinnedAt, ...others } }) =>
      pinnedAt === undefined ? undefined : { activity: () => others },
    );
  }

  async append(
    identity: SessionIdentity,
    events: NewEntry<EventInput> | readonly NewEntry<EventInput>[],
    options?: ExpectOptions,
  ): Promise<Operation<AppendReceipt>> {
    return this.#parts.history.operation(copySession(identity), eventList(events), options);
  }

  async replace(
    identity: SessionIdentity,
    replacement: Replacement<EventInput>,
  ): Promise<Operation<SaveReceipt>> {
    return this.#parts.edits.replacing.replace(copySession(identity), replacement);
  }

  redact(identity: SessionIdentity, number: number, options: Omit<RedactOptions, "signal">): Operation<void> {
    return this.#parts.edits.replacing.redact(copySession(identity), number, options);
  }

  truncate(identity: SessionIdentity, range: TruncateRange, options?: ExpectOptions): Operation<Truncated> {
    return this.#parts.edits.takingBack.truncate(copySession(identity), range, options);
  }

  pop(identity: SessionIdentity, count: number, options?: ExpectOptions): Operation<SessionEvent<E>[]> {
    return this.#parts.edits.takingBack.pop(copySession(identity), count, options);
  }

  async rewrite(
    identity: SessionIdentity,
    events: readonly NewEntry<EventInput>[],
    options?: ExpectOptions,
  ): Promise<Operation<RewriteReceipt>> {
    return this.#parts.edits.rewriting(copySession(identity), events, options);
  }

  saveSummary(
    identity: SessionIdentity,
    summary: NewSummary,
    options?: Omit<SaveSummaryOptions, "signal">,
  ): Operation<SaveReceipt> {
    return this.#parts.summaries.operation(copySession(identity), summary, options);
  }

  /** The values of a session's state. */
  stateOf(owner: SessionIdentity): StateValues {
    const { store, records, inputs } = this.#parts;
    return new StateValues(store, owner, SESSION_STATE, inputs, {
      turn: headCell(owner),
      read: (signal) => records.requireExisting(owner, { signal }),
      write: async (transaction) => void (await records.getOpen(transaction, owner)),
    });
  }

  view(owner: SessionIdentity, session: StoredSession): Promise<Session<M>> {
    return sessionOf(this.#parts.metadata, owner, session, sessionCell(owner));
  }

  /** What `decide` returns is written; nothing, if it returns nothing: the session is so already. */
  #change(
    identity: SessionIdentity,
    decide: (session: StoredSession, owner: SessionIdentity) => Promise<SessionChange | undefined>,
  ): Operation<Session<M>> {
    const { records } = this.#parts;
    const owner = copySession(identity);
    return {
      turn: headCell(owner),
      repeatable: false,
      apply: async (transaction) => {
        const current = await records.get(transaction, owner);
        const record = await records.getRecord(transaction, owner);
        const session = { record, activity: current.activity };
        const change = await decide(session, owner);
        if (change === undefined) return this.view(owner, session);
        const activity = await records.change(transaction, owner, current, { change, record });
        return this.view(owner, { record: change.record ?? record, activity });
      },
    };
  }
}

/** One event or many. */
export function eventList<Input>(
  events: NewEntry<Input> | readonly NewEntry<Input>[],
): readonly NewEntry<Input>[] {
  return Array.isArray(events) ? events : [events as NewEntry<Input>];
}
