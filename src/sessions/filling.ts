import { commitBytes } from "../content/keyed-value.js";
import { inCommits } from "../content/paging.js";
import { isStateError } from "../contract/errors.js";
import type { Change, EventId, NewRecord, SessionIdentity, StateStore } from "../contract/store.js";
import { newEventId } from "../process/event-id.js";
import { findCell } from "../typed/cell-operations.js";
import { commitWithRetries } from "../typed/commit-with-retries.js";
import { findByEventId } from "../typed/find-by-event-id.js";
import type { JournalPlaces } from "../typed/journal-places.js";
import { scopedEventId } from "../typed/names.js";
import { type CopiedEntry, type CopyId, copyOf, freshId, ownId } from "./event-copy.js";
import { type FillingMark, markCell } from "./filling-mark.js";

/** Another call goes on with the filling, or has ended it. */
export class FilledByAnother extends Error {}

/** What an import was begun with is not what it comes with now. */
export class OtherSource extends Error {}

/** Two events of one id, of which none was edited. */
export class SameId extends Error {
  readonly line: number;

  constructor({ position, line = position }: Piece) {
    super();
    this.line = line;
  }
}

/** What is written at one position. */
export interface Piece {
  readonly position: number;
  /** Of an import: the number of its line for the caller. */
  readonly line?: number;
  /** Of an import: the digest of the lines up to this one. */
  readonly proof?: string;
  readonly entries?: readonly CopiedEntry[];
  readonly records?: readonly NewRecord[];
  /** Records that are written before the others, and that nobody needs without them. */
  readonly ahead?: readonly NewRecord[];
}

/** What a filling is written with. */
export interface FillingParts {
  readonly store: StateStore;
  readonly places: JournalPlaces;
  readonly now: () => number;
  readonly owner: SessionIdentity;
  readonly signal: AbortSignal | undefined;
  /** Whether two events of one id are refused. */
  readonly refusesSameIds: boolean;
}

/** The mark of a filling, and the event that wrote it. */
export interface StoredMark {
  readonly mark: FillingMark;
  readonly eventId: EventId;
}

/** Records of one commit, beside the mark. */
const MAX_RECORDS = 1_000;
/** How often a commit is made with other ids, or from where another call has come. */
const MAX_ATTEMPTS = 20;

/** A session that is being filled, piece by piece. Each commit depends on the mark, and says how far the filling has come. */
export class Filling {
  readonly #parts: FillingParts;
  readonly #room: number;
  #stored: StoredMark;
  #pieces: Piece[] = [];
  #count = 0;
  #bytes = 0;
  /** Numbers of events whose id another event of the session has: it was edited, and its id forgotten since. */
  readonly #fresh = new Set<number>();

  constructor(parts: FillingParts, stored: StoredMark) {
    this.#parts = parts;
    this.#stored = stored;
    this.#room = commitBytes(parts.store.limits);
  }

  get stored(): StoredMark {
    return this.#stored;
  }

  get mark(): FillingMark {
    return this.#stored.mark;
  }

  /** Writes a piece, soon. A piece that another call with the same source has written is left out. */
  async add(piece: Piece): Promise<void> {
    if (this.#isWritten(piece)) return;
    if (piece.ahead !== undefined && !(await this.#writeAhead(piece, piece.ahead))) return;
    const bytes = bytesOf(piece);
    if (this.#bytes + bytes > this.#room || this.#count >= MAX_RECORDS) await this.flush();
    this.#pieces.push(piece);
    this.#count += (piece.entries?.length ?? 0) + (piece.records?.length ?? 0);
    this.#bytes += bytes;
    if (bytes > this.#room) await this.flush();
  }

  /** Writes what was added. */
  async flush(): Promise<void> {
    for (let attempt = 1; this.#pieces.length > 0; attempt++) {
      const pieces = this.#pieces;
      try {
        await this.#write(pieces);
        this.#hold([]);
      } catch (error) {
        if (!isStateError(error, "CONDITION_FAILED") && !isStateError(error, "IDEMPOTENCY_CONFLICT"))
          throw error;
        if (attempt === MAX_ATTEMPTS) throw error;
        // The store judges the ids before the mark.
        const { eventId } = this.#stored;
        await this.#reload();
        if (this.#stored.eventId === eventId) await this.#takeOtherIds(pieces);
        this.#hold(pieces.filter((piece) => !this.#isWritten(piece)));
      }
    }
  }

  /** Makes changes of its own, and no other call's meanwhile. Throws `FilledByAnother`. */
  async commit(changes: readonly Change[], about = this.mark.about): Promise<void> {
    await this.flush();
    const bytes = changes.reduce(
      (sum, change) => sum + (change.op === "save" ? change.record.bytes.length : 0),
      0,
    );
    try {
      if (bytes > this.#room) await this.#send([this.#check(), ...changes]);
      else await this.#commit({ ...this.mark, about }, changes);
    } catch (error) {
      throw isStateError(error, "CONDITION_FAILED") ? new FilledByAnother() : error;
    }
  }

  /** Returns false if another call with the same source has written the piece. */
  async #writeAhead(piece: Piece, records: readonly NewRecord[]): Promise<boolean> {
    await this.flush();
    for (const part of inCommits(records, this.#room))
      for (let attempt = 1; ; attempt++) {
        if (this.#isWritten(piece)) return false;
        try {
          await this.#send([this.#check(), ...part.map((record) => ({ op: "save", record }) as const)]);
          break;
        } catch (error) {
          if (!isStateError(error, "CONDITION_FAILED") || attempt === MAX_ATTEMPTS) throw error;
          await this.#reload();
        }
      }
    return !this.#isWritten(piece);
  }

  async #write(pieces: readonly Piece[]): Promise<void> {
    const { position, proof } = pieces.at(-1) as Piece;
    if (this.mark.ids === "both") await this.#refuseOwnIds(pieces);
    const records = await this.#recordsOf(pieces);
    const changes = records.map((record) => ({ op: "save", record }) as const);
    const ids = this.mark.ids ?? (pieces.some(({ entries = [] }) => entries.length > 0) ? "own" : undefined);
    const mark = { ...this.mark, position, ...(proof !== undefined && { proof }), ...(ids && { ids }) };
    // Beside a value of the largest size there is no room for the mark. Its next commit says where the filling is.
    if (this.#bytes > this.#room && changes.length > 0) await this.#send([this.#check(), ...changes]);
    else await this.#commit(mark, changes);
  }

  async #commit(mark: FillingMark, changes: readonly Change[]): Promise<void> {
    const { now, owner } = this.#parts;
    const cell = markCell(owner);
    const at = now();
    const eventId = newEventId();
    const bytes = await cell.codec.encode({ ...mark, at });
    const record = { eventId, identity: owner, kind: cell.kind, bytes };
    await this.#send([{ op: "save", record, expect: this.#stored.eventId }, ...changes]);
    this.#stored = { mark: { ...mark, at }, eventId };
  }

  async #send(changes: readonly Change[]): Promise<void> {
    const { store, signal } = this.#parts;
    await commitWithRetries(store, changes, { signal, repeatable: true });
  }

  #check(): Change {
    const { identity, kind } = markCell(this.#parts.owner);
    return { op: "check", identity, kind, expect: this.#stored.eventId };
  }

  async #recordsOf(pieces: readonly Piece[]): Promise<NewRecord[]> {
    const { places, owner } = this.#parts;
    const seen = new Set<EventId>();
    const records: NewRecord[] = [];
    for (const piece of pieces) {
      const { entries = [], records: others = [] } = piece;
      for (const entry of entries) {
        let id = this.#idOf(entry);
        if (seen.has(id.eventId)) {
          if (this.#parts.refusesSameIds) throw new SameId(piece);
          id = freshId();
        }
        seen.add(id.eventId);
        records.push(await copyOf(places, owner, entry, id));
      }
      records.push(...others);
    }
    return records;
  }

  /** The same whenever the entry is written: a piece whose answer was lost is written once. */
  #idOf(entry: CopiedEntry): CopyId {
    const { places, owner } = this.#parts;
    const { fill, ids = "own" } = this.mark;
    if (entry.is === "removed") {
      const purpose = places.purpose(owner, "removed", fill);
      return { eventId: scopedEventId(purpose, String(entry.number)), isOwn: false };
    }
    const own = ownId(places, owner, entry);
    if (own === undefined || this.#fresh.has(entry.number)) return freshId();
    if (ids === "own") return { eventId: own, isOwn: true };
    return { eventId: scopedEventId(places.purpose(owner, "copy", fill), entry.id), isOwn: false };
  }

  /**
   * The store knows some of the ids: those of a session of this name that was deleted, or of events that this filling wrote
   * before.
   */
  async #takeOtherIds(pieces: readonly Piece[]): Promise<void> {
    const hasOwn = this.mark.ids !== undefined && this.mark.ids !== "copies";
    const isCopy = this.mark.ids === "copies" || this.mark.ids === "both";
    await this.#findSameIds(pieces);
    if (isCopy) return;
    const ids = hasOwn ? ("both" as const) : ("copies" as const);
    this.#stored = { ...this.#stored, mark: { ...this.mark, ids } };
  }

  /** Some events of this filling have own ids, which those that are written now have not. */
  async #refuseOwnIds(pieces: readonly Piece[]): Promise<void> {
    const { store, places, owner, signal, refusesSameIds } = this.#parts;
    if (!refusesSameIds) return;
    for (const piece of pieces) {
      const { entries = [] } = piece;
      const ids = entries.map((entry) => ownId(places, owner, entry)).filter((id) => id !== undefined);
      const found = await Promise.all(ids.map((id) => findByEventId(store, owner, id, { signal })));
      if (found.some((record) => record !== undefined)) throw new SameId(piece);
    }
  }

  async #findSameIds(pieces: readonly Piece[]): Promise<void> {
    const { store, places, owner, signal, refusesSameIds } = this.#parts;
    for (const piece of pieces)
      for (const entry of piece.entries ?? []) {
        if (entry.is === "removed" || this.#fresh.has(entry.number)) continue;
        const written = await findByEventId(store, owner, this.#idOf(entry).eventId, { signal });
        if (written === undefined || written.kind === places.kind(entry.number)) continue;
        if (refusesSameIds) throw new SameId(piece);
        this.#fresh.add(entry.number);
      }
  }

  /** Reads how far another call has come. Throws `FilledByAnother` if it has ended the filling. */
  async #reload(): Promise<void> {
    const { store, owner, signal } = this.#parts;
    const found = await findCell(store, markCell(owner), { signal });
    if (found?.value.fill !== this.mark.fill) throw new FilledByAnother();
    const { position, proof } = found.value;
    const same = this.#pieces.find((piece) => piece.position === position);
    if (same !== undefined && same.proof !== proof) throw new OtherSource();
    this.#stored = { mark: found.value, eventId: found.eventId };
  }

  #isWritten({ position, proof }: Piece): boolean {
    if (position === this.mark.position && proof !== this.mark.proof) throw new OtherSource();
    return position <= this.mark.position;
  }

  #hold(pieces: Piece[]): void {
    this.#pieces = pieces;
    this.#count = pieces.reduce(
      (sum, { entries = [], records = [] }) => sum + entries.length + records.length,
      0,
    );
    this.#bytes = pieces.reduce((sum, piece) => sum + bytesOf(piece), 0);
  }
}

function bytesOf({ entries = [], records = [] }: Piece): number {
  const ofEntries = entries.map((entry) => (entry.is === "value" ? entry.bytes.length : 0));
  return [...ofEntries, ...records.map(({ bytes }) => bytes.length)].reduce((sum, bytes) => sum + bytes, 0);
}
