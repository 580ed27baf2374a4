import type { SaveReceipt, SessionIdentity, StateStore } from "../contract/store.js";
import { newEventId } from "../process/event-id.js";
import { copySession } from "../typed/cell.js";
import type { NewEntry } from "../typed/journal.js";
import type { AppendReceipt } from "../typed/journal-append.js";
import { digestOf, readScopedId } from "../typed/names.js";
import type { Operation } from "../typed/operation.js";
import type { Transaction } from "../typed/transaction.js";
import { readNamed } from "../validation/validate.js";
import type { Creations, NewSession } from "./creation.js";
import type { History } from "./history.js";
import type { MetadataCodec } from "./metadata.js";
import type { CreateOptions, CreateReceipt } from "./options.js";
import { type NewSessionIdentity, readNewIdentity } from "./owners.js";
import { type Session, sessionOf } from "./session.js";
import type { SessionRecord } from "./session-record.js";
import { type SessionRecords, sessionCell } from "./session-records.js";
import { StateValues } from "./state-values.js";
import type { NewSummary, SaveSummaryOptions, Summaries } from "./summaries.js";

/** The parts of sessions that write. */
export interface SessionParts<M, E, MetadataInput, EventInput> {
  readonly store: StateStore;
  readonly metadata: MetadataCodec<M, MetadataInput>;
  readonly records: SessionRecords;
  readonly creations: Creations;
  readonly history: History<E, EventInput>;
  readonly summaries: Summaries;
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
        const { record, duplicate } = await creating.apply(transaction);
        return { session: await this.view(requested.owner, record), duplicate };
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
    const session = eventId === undefined ? newEventId() : digestOf("session", identity?.user, eventId);
    const owner = copySession({ session, ...readNewIdentity(identity) });
    const metadata = await this.#parts.metadata.write(
      "metadata" in options ? (options.metadata as MetadataInput) : ({} as MetadataInput),
    );
    return { owner, metadata, ...(eventId !== undefined && { eventId }) };
  }

  touch(identity: SessionIdentity): Operation<Session<M>> {
    return this.#change(identity, (transaction, owner) => this.#parts.records.touch(transaction, owner));
  }

  changeMetadata(
    identity: SessionIdentity,
    change: (current: M) => MetadataInput | Promise<MetadataInput>,
  ): Operation<Session<M>> {
    const { records, metadata: codec } = this.#parts;
    return this.#change(identity, async (transaction, owner) => {
      const record = await records.get(transaction, owner);
      const current = await codec.read(record.metadata, sessionCell(owner));
      const metadata = await codec.write(await change(current));
      return records.replace(transaction, owner, record, () => ({ ...record, metadata }));
    });
  }

  close(identity: SessionIdentity): Operation<Session<M>> {
    const { records } = this.#parts;
    return this.#change(identity, async (transaction, owner) => {
      const record = await records.get(transaction, owner);
      if (record.closedAt !== undefined) return record;
      return records.replace(transaction, owner, record, (closedAt) => ({ ...record, closedAt }));
    });
  }

  reopen(identity: SessionIdentity): Operation<Session<M>> {
    const { records } = this.#parts;
    return this.#change(identity, async (transaction, owner) => {
      const record = await records.get(transaction, owner);
      if (record.closedAt === undefined) return record;
      const { closedAt: _, ...open } = record;
      return records.replace(transaction, owner, record, () => open);
    });
  }

  async append(
    identity: SessionIdentity,
    events: NewEntry<EventInput> | readonly NewEntry<EventInput>[],
  ): Promise<Operation<AppendReceipt>> {
    return this.#parts.history.operation(copySession(identity), eventList(events));
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
    const { store, records } = this.#parts;
    return new StateValues(store, owner, "session.state", {
      turn: sessionCell(owner),
      read: async (signal) => void (await records.load(owner, { signal })),
      write: async (transaction) => void (await records.getOpen(transaction, owner)),
    });
  }

  view(owner: SessionIdentity, record: SessionRecord): Promise<Session<M>> {
    return sessionOf(this.#parts.metadata, owner, record, sessionCell(owner));
  }

  #change(
    identity: SessionIdentity,
    work: (transaction: Transaction, owner: SessionIdentity) => Promise<SessionRecord>,
  ): Operation<Session<M>> {
    const owner = copySession(identity);
    return {
      turn: sessionCell(owner),
      repeatable: false,
      apply: async (transaction) => this.view(owner, await work(transaction, owner)),
    };
  }
}

/** One event or many. */
export function eventList<Input>(
  events: NewEntry<Input> | readonly NewEntry<Input>[],
): readonly NewEntry<Input>[] {
  return Array.isArray(events) ? events : [events as NewEntry<Input>];
}
