import { commitBytes } from "../content/keyed-value.js";
import { changedAllTheTime, Outdated } from "../content/outdated.js";
import { inCommits, recordsUnder } from "../content/paging.js";
import { invalid, isStateError, type StateError } from "../contract/errors.js";
import type {
  Change,
  EventId,
  NewRecord,
  SessionIdentity,
  StateRecord,
  StateStore,
} from "../contract/store.js";
import { newEventId } from "../process/event-id.js";
import { jitteredPause } from "../timing/backoff.js";
import { sleep } from "../timing/real-timers.js";
import { findCell } from "../typed/cell-operations.js";
import { isRemoved } from "../typed/journal-entry.js";
import { type FoundEntry, readStored } from "../typed/journal-read.js";
import { digestOf } from "../typed/names.js";
import { Transaction } from "../typed/transaction.js";
import type { Created } from "./creation.js";
import { noSession, otherFilling, sessionExists } from "./errors.js";
import { copyOf, freshId } from "./event-copy.js";
import { copiesAfter, eventPages } from "./event-pages.js";
import { type FilledContent, filledContent } from "./filled-event.js";
import { FilledByAnother, Filling } from "./filling.js";
import type { Fillings, NewFilling } from "./fillings.js";
import { type ForkStart, readForkStart } from "./fork-start.js";
import type { History } from "./history.js";
import { contentCell, type LargeEvents } from "./large-events.js";
import { endOfHistory } from "./last-event.js";
import { changesSince, observe, RestDigest, readEdits, restOf } from "./moments.js";
import { type SessionRecord, type StoredMetadata, sessionCell } from "./session-record.js";
import type { SessionRecords, StoredSession } from "./session-records.js";

/** A fork, as its input was read. */
export interface NewFork {
  readonly source: SessionIdentity;
  readonly owner: SessionIdentity;
  /** Absent: up to the last event. */
  readonly upTo?: number;
  /** Absent: those of the source. */
  readonly metadata?: StoredMetadata;
  readonly eventId?: EventId;
  readonly signal: AbortSignal | undefined;
}

/** The source was changed in a way that makes it shorter to begin anew. */
class BeginAnew extends Error {}

/** What is copied beside the events, and the digest of the events that wrote it. */
interface Rest {
  readonly record: SessionRecord;
  readonly digest: string;
}

const BACKOFF = { baseMs: 5, mostMs: 500, random: Math.random };
const SHORT = { baseMs: 1, mostMs: 20, random: Math.random };
const MAX_ATTEMPTS = 20;
/** How often the copy is compared with a source that changes all the time. */
const MAX_COMPARISONS = 100;

/**
 * Copies sessions. Events are copied in pieces, then summaries and state, and then all of it is compared with the source: what
 * was changed meanwhile is copied again, until nothing was. The copy is that of the moment between.
 */
export class Forks {
  readonly #store: StateStore;
  readonly #records: SessionRecords;
  readonly #history: History<unknown, never>;
  readonly #fillings: Fillings;
  readonly #large: LargeEvents;

  constructor(
    store: StateStore,
    records: SessionRecords,
    history: History<unknown, never>,
    fillings: Fillings,
    large: LargeEvents,
  ) {
    this.#store = store;
    this.#records = records;
    this.#history = history;
    this.#fillings = fillings;
    this.#large = large;
  }

  async fork(fork: NewFork): Promise<Created> {
    const { owner, source, signal } = fork;
    if (owner.tenant !== source.tenant) throw invalid("tenant", "that of the session that is forked");
    const wanted = this.#wanted(fork);
    let next: Filling | undefined;
    for (let attempt = 1; attempt <= MAX_ATTEMPTS; attempt++) {
      const begun = next ?? (await this.#fillings.begin(wanted));
      next = undefined;
      if (!(begun instanceof Filling)) return duplicateOf(begun, fork);
      try {
        return { session: await this.#fill(fork, begun), duplicate: false };
      } catch (error) {
        if (isStateError(error, "NOT_FOUND")) await this.#fillings.drop(owner, {}, begun.mark);
        if (error instanceof BeginAnew) next = await this.#again(wanted, begun);
        else if (!(error instanceof FilledByAnother)) throw error;
      }
      await sleep(jitteredPause(attempt, BACKOFF), signal);
    }
    throw changedAllTheTime();
  }

  #wanted(fork: NewFork): NewFilling {
    const { owner, upTo, eventId = "", signal } = fork;
    return {
      owner,
      source: digestOf(contentOf(fork), upTo === undefined ? "" : String(upTo), eventId),
      start: () => this.#start(fork),
      refusesSameIds: false,
      signal,
    };
  }

  async #again(wanted: NewFilling, filling: Filling): Promise<Filling | undefined> {
    try {
      return await this.#fillings.again(wanted, filling);
    } catch (error) {
      if (error instanceof FilledByAnother) return undefined;
      throw error;
    }
  }

  /** Edits are read first, so that none since is missed. NOT_FOUND, INVALID_RECORD. */
  async #start({ source, upTo: given, signal }: NewFork) {
    const edits = await readEdits(this.#store, source, signal);
    const { head, activity } = await this.#records.findActivity(source, { signal });
    if (activity === undefined) throw noSession();
    const reading = new Transaction(this.#store, signal);
    if (given !== undefined) await this.#history.requireAppended(reading, source, given);
    const upTo = given ?? (await endOfHistory(reading, this.#history.journal.places, source)).last;
    const first = Math.min(head?.value.first ?? 1, upTo + 1);
    const start: ForkStart = {
      upTo,
      lowest: first,
      first,
      createdAt: activity.createdAt,
      edits: edits.edits,
      hasEdits: edits.hasEdits,
    };
    return { position: first - 1, about: { ...start } };
  }

  async #fill(fork: NewFork, filling: Filling): Promise<StoredSession> {
    await this.#copyEvents(fork, filling);
    let start = readForkStart(filling.mark, fork.owner);
    let rest: Rest | undefined;
    for (let comparison = 1; comparison <= MAX_COMPARISONS; comparison++) {
      rest ??= await this.#copyRest(fork, filling, start.upTo);
      const now = await observe(this.#store, this.#records, {
        ...start,
        source: fork.source,
        signal: fork.signal,
      });
      const edited = changesSince(start, now);
      if (edited === "many") throw new BeginAnew();
      const isSame = edited.length === 0 && now.first === start.first;
      if (isSame && now.digest === rest.digest) return this.#end(fork, filling, start, rest);
      start = { ...start, first: now.first, edits: now.edits, hasEdits: now.hasEdits };
      for (const number of edited) await this.#copyAgain(fork, filling, start, number);
      if (now.digest !== rest.digest) rest = undefined;
      // Short ones: the next edit of a message that is streamed comes soon.
      await sleep(jitteredPause(comparison, SHORT), fork.signal);
    }
    throw changedAllTheTime();
  }

  async #copyEvents(fork: NewFork, filling: Filling): Promise<void> {
    const { owner, source, signal } = fork;
    const { places } = this.#history.journal;
    const { upTo } = readForkStart(filling.mark, owner);
    let last = filling.mark.position;
    for await (const page of eventPages(this.#store, places, { owner: source, after: last, upTo, signal }))
      for (const entry of page) {
        const position = Math.min(entry.number, upTo);
        const { found, content } = await this.#read(fork, entry);
        const large = content && { ahead: content.chunks, records: [content.pointer] };
        await filling.add({ position, entries: copiesAfter(last, found), ...large });
        last = position;
      }
    await filling.flush();
  }

  /** Copies metadata, summaries and state, in the place of what an earlier attempt has copied. */
  async #copyRest({ owner, source, signal }: NewFork, filling: Filling, upTo: number): Promise<Rest> {
    const found = await findCell(this.#store, sessionCell(source), { signal });
    if (found === undefined) throw noSession();
    const digest = new RestDigest(found.eventId);
    const ranges = restOf(source, upTo);
    await filling.commit(ranges.map(({ prefix }): Change => ({ op: "erase", identity: owner, prefix })));
    for (const { prefix, range } of ranges)
      for await (const page of recordsUnder(this.#store, source, prefix, { ...range, signal })) {
        for (const record of page) digest.add(record);
        for (const part of inCommits(page, commitBytes(this.#store.limits)))
          await filling.commit(part.map((record) => ({ op: "save", record: copyTo(owner, record) })));
      }
    return { record: found.value, digest: digest.end() };
  }

  /** Copies an event that was edited meanwhile. */
  async #copyAgain(fork: NewFork, filling: Filling, start: ForkStart, number: number): Promise<void> {
    const { owner, source, signal } = fork;
    const { places } = this.#history.journal;
    const read = { owner: source, from: number, limit: 1, signal, marksDamage: true };
    const [entry] = await readStored(this.#store, places, read);
    if (number < start.first || entry?.number !== number) return;
    const { found, content } = await this.#read(fork, entry);
    const change: Change =
      found.is === "damaged"
        ? { op: "delete", identity: owner, kind: places.kind(number) }
        : { op: "save", record: await copyOf(places, owner, found, freshId()) };
    for (const part of inCommits(content?.chunks ?? [], commitBytes(this.#store.limits)))
      await filling.commit(part.map((record) => ({ op: "save", record })));
    const cell = contentCell(owner, number);
    const before = (await findCell(this.#store, cell, { signal }))?.value;
    const pointer: Change[] =
      content !== undefined
        ? [{ op: "save", record: content.pointer }]
        : before === undefined
          ? []
          : [{ op: "delete", identity: cell.identity, kind: cell.kind }];
    const isLeft = before !== undefined && before.chunks !== content?.ref.chunks;
    const left = isLeft ? [this.#large.removalOf(owner, before)] : [];
    await filling.commit([change, ...pointer, ...left], { ...start });
  }

  /** An event of the source with its content, where its copy has no room for that. What changes meanwhile is copied again. */
  async #read(
    { owner, source, signal }: NewFork,
    found: FoundEntry,
  ): Promise<{ readonly found: FoundEntry; readonly content?: FilledContent }> {
    if (found.is !== "value") return { found };
    try {
      const whole = await this.#history.journal.whole(source, found, { signal });
      const digest = await this.#large.digestCopied(whole.bytes);
      if (digest === undefined) return { found: whole };
      const content = await filledContent(this.#store, owner, whole, digest);
      return { found: content.entry, content };
    } catch (error) {
      if (!isStateError(error, "CORRUPT") && !(error instanceof Outdated)) throw error;
      const { number } = found;
      return { found: { is: "damaged", from: number, number, error: damageOf(error) } };
    }
  }

  async #end(
    fork: NewFork,
    filling: Filling,
    { upTo, first, lowest, hasEdits }: ForkStart,
    { record: { metadata } }: Rest,
  ): Promise<StoredSession> {
    const { owner, source, eventId, signal } = fork;
    const createdAt = this.#records.now();
    const lastEventAt = first > upTo ? undefined : await this.#timeOf(owner, upTo, signal);
    const filledWith = contentOf(fork);
    return this.#fillings.end(
      filling,
      owner,
      {
        record: {
          createdAt,
          metadata: fork.metadata ?? metadata,
          forkedFrom: { session: source.session, upTo },
          filledWith,
          ...(eventId !== undefined && { creation: { eventId, content: filledWith } }),
        },
        head: { first, next: upTo + 1, ...(lowest < first && { unswept: lowest }) },
        activity: { createdAt, updatedAt: createdAt, ...(lastEventAt !== undefined && { lastEventAt }) },
        hasEdits,
      },
      signal,
    );
  }

  /** When an event was appended; `undefined` for one that is damaged. */
  async #timeOf(
    owner: SessionIdentity,
    number: number,
    signal: AbortSignal | undefined,
  ): Promise<number | undefined> {
    const { places } = this.#history.journal;
    const record = await this.#store.find(owner, places.kind(number), { signal });
    if (record === undefined || isRemoved(record)) return undefined;
    const entry = await places.read(record);
    return entry.is === "removed" ? undefined : entry.at.getTime();
  }
}

/** A large event that was changed while it was read is copied again, or was trimmed: until then its number is missing. */
function damageOf(error: unknown): StateError {
  return isStateError(error) ? error : changedAllTheTime();
}

function copyTo(identity: SessionIdentity, { kind, bytes, version, updatedAt }: StateRecord): NewRecord {
  return { eventId: newEventId(), identity, kind, bytes, version, updatedAt };
}

/** What a fork fills its session with, apart from how far. */
function contentOf({ source: { user, session }, metadata }: NewFork): string {
  const own = metadata === undefined ? [] : [JSON.stringify(metadata.value), String(metadata.version)];
  return digestOf("fork", user, session, ...own);
}

/** ALREADY_EXISTS, IDEMPOTENCY_CONFLICT where another call made the session. */
function duplicateOf(session: StoredSession, fork: NewFork): Created {
  const { filledWith, forkedFrom, creation } = session.record;
  if (creation?.eventId !== fork.eventId) throw sessionExists();
  const isSame = filledWith === contentOf(fork) && (fork.upTo ?? forkedFrom?.upTo) === forkedFrom?.upTo;
  if (isSame) return { session, duplicate: true };
  throw fork.eventId === undefined ? sessionExists() : otherFilling();
}
