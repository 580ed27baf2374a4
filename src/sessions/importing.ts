import { createHash } from "node:crypto";
import { changedAllTheTime } from "../content/outdated.js";
import { invalid, isStateError, StateError } from "../contract/errors.js";
import type { EventId, NewRecord, SessionIdentity, StateStore } from "../contract/store.js";
import { raceAbort } from "../timing/cancellation.js";
import type { InputReader } from "../typed/input-reader.js";
import type { Journal } from "../typed/journal.js";
import { digestOf } from "../typed/names.js";
import type { Created } from "./creation.js";
import { otherFilling, sessionExists } from "./errors.js";
import type { CopiedEntry } from "./event-copy.js";
import { filledContent } from "./filled-event.js";
import { FilledByAnother, Filling, OtherSource, SameId } from "./filling.js";
import type { Fillings } from "./fillings.js";
import { type ImportedLine, type ImportedSession, ImportLines } from "./import-lines.js";
import type { LargeEvents } from "./large-events.js";
import type { MetadataCodec } from "./metadata.js";
import { sessionCell } from "./session-record.js";
import type { SessionRecords, StoredSession } from "./session-records.js";

/** Lines of an export, one after the other. */
export type Lines = Iterable<string> | AsyncIterable<string>;

/** An import, as its input was read. */
export interface NewImport {
  readonly owner: SessionIdentity;
  readonly lines: Lines;
  readonly eventId?: EventId;
  readonly signal: AbortSignal | undefined;
}

/** What an import builds upon. */
export interface ImportParts {
  readonly store: StateStore;
  readonly records: SessionRecords;
  readonly metadata: Pick<MetadataCodec<unknown, never>, "read">;
  readonly journal: Journal<unknown, never>;
  readonly fillings: Fillings;
  readonly large: LargeEvents;
  readonly inputs: InputReader;
}

/** Fills a session with the lines of an export. The session is seen when all lines were read, and is not when one is refused. */
export async function importSession(parts: ImportParts, given: NewImport): Promise<Created> {
  const importing = new Importing(parts, given);
  try {
    for await (const line of untilAborted(given.lines, given.signal)) await importing.take(line);
    return await importing.end();
  } catch (error) {
    throw await importing.refused(error);
  }
}

class Importing {
  readonly #parts: ImportParts;
  readonly #given: NewImport;
  readonly #lines: ImportLines;
  /** The number of the line that is read. */
  #number = 0;
  /** How many lines there were that are not empty. */
  #position = 0;
  /** The digest of the lines so far. */
  #proof = "";
  #begun: Filling | StoredSession | undefined;
  /** What was filled so far is of these lines. */
  #isOwn = false;

  constructor(parts: ImportParts, given: NewImport) {
    this.#parts = parts;
    this.#given = given;
    this.#lines = new ImportLines(given.owner, parts.store.limits, parts.large.maxJsonBytes, parts.inputs);
  }

  async take(given: unknown): Promise<void> {
    this.#number++;
    if (typeof given !== "string") throw invalid("line", "a string");
    const text = given.trim();
    if (text === "") return;
    this.#position++;
    this.#proof = createHash("sha256").update(`${this.#proof}\n`).update(text).digest("base64url");
    const line = this.#lines.read(text);
    const { session } = this.#lines;
    if (session === undefined) return;
    if (this.#begun === undefined) await this.#begin(session);
    else await this.#write(line);
  }

  async end(): Promise<Created> {
    const { session } = this.#lines;
    if (session === undefined || !this.#lines.isAtEnd) throw invalid("lines", "whole: there is no end");
    if (!(this.#begun instanceof Filling)) return this.#duplicate(this.#begun);
    try {
      return { session: await this.#appear(this.#begun, session), duplicate: false };
    } catch (error) {
      if (!(error instanceof FilledByAnother)) throw error;
      return this.#duplicate(await this.#parts.records.find(this.#given.owner));
    }
  }

  /** What the caller is told. Nothing is left of lines that are refused. */
  async refused(error: unknown): Promise<unknown> {
    const { owner } = this.#given;
    const told = this.#told(error);
    const isRefusal = isStateError(told, "INVALID_RECORD") || isStateError(told, "SCHEMA_TOO_NEW");
    if (isRefusal && this.#isOwn && this.#begun instanceof Filling)
      await this.#parts.fillings.drop(owner, {}, this.#begun.mark);
    return told;
  }

  async #begin(session: ImportedSession): Promise<void> {
    const { owner, eventId = "", signal } = this.#given;
    await this.#check(() => this.#parts.metadata.read(session.metadata, sessionCell(owner)));
    const start = { position: this.#position, proof: this.#proof, about: null };
    this.#begun = await this.#parts.fillings.begin({
      owner,
      source: digestOf("import", eventId),
      start: async () => start,
      refusesSameIds: true,
      signal,
    });
    if (this.#begun instanceof Filling) this.#notice(this.#begun);
  }

  async #write({ entries, records }: ImportedLine): Promise<void> {
    const { journal } = this.#parts;
    const { owner } = this.#given;
    for (const entry of entries)
      if (entry.is === "value") await this.#check(() => journal.decode(owner, entry));
    const filling = this.#begun;
    if (!(filling instanceof Filling)) return;
    try {
      const at = { position: this.#position, line: this.#number, proof: this.#proof };
      const large = await this.#large(entries);
      await filling.add({
        ...at,
        entries: large.entries,
        records: [...records, ...large.records],
        ...(large.ahead.length > 0 && { ahead: large.ahead }),
      });
      this.#notice(filling);
    } catch (error) {
      if (!(error instanceof FilledByAnother)) throw error;
      // Whether that was an import of the same lines shows in the end.
      this.#begun = await this.#parts.records.find(owner);
      if (this.#begun === undefined) throw changedAllTheTime();
    }
  }

  /** The entries of a line, with the records of what they have no room for. */
  async #large(entries: ImportedLine["entries"]) {
    const { store, large } = this.#parts;
    const [written, records, ahead]: [CopiedEntry[], NewRecord[], NewRecord[]] = [[], [], []];
    for (const entry of entries) {
      const digest = entry.is === "value" ? await large.digestCopied(entry.bytes) : undefined;
      if (entry.is !== "value" || digest === undefined) written.push(entry);
      else {
        const content = await filledContent(store, this.#given.owner, entry, digest);
        written.push(content.entry);
        records.push(content.pointer);
        ahead.push(...content.chunks);
      }
    }
    return { entries: written, records, ahead };
  }

  #notice(filling: Filling): void {
    this.#isOwn ||= this.#position >= filling.mark.position;
  }

  /** CORRUPT says what is wrong with what is stored. These values are the caller's. */
  async #check(decode: () => Promise<unknown>): Promise<void> {
    try {
      await decode();
    } catch (error) {
      if (!isStateError(error, "CORRUPT")) throw error;
      throw invalid("value", "one that the codec reads");
    }
  }

  #appear(filling: Filling, { metadata, forkedFrom, activity, first, next }: ImportedSession) {
    const { owner, eventId, signal } = this.#given;
    const record = {
      createdAt: activity.createdAt,
      metadata,
      ...(forkedFrom && { forkedFrom }),
      filledWith: this.#proof,
      ...(eventId !== undefined && { creation: { eventId, content: this.#proof } }),
    };
    const { hasEdits } = this.#lines;
    return this.#parts.fillings.end(
      filling,
      owner,
      { record, head: { first, next }, activity, hasEdits },
      signal,
    );
  }

  /** ALREADY_EXISTS, IDEMPOTENCY_CONFLICT where another call made the session. */
  #duplicate(session: StoredSession | undefined): Created {
    if (session === undefined) throw changedAllTheTime();
    const { eventId } = this.#given;
    const { creation, filledWith } = session.record;
    if (creation?.eventId !== eventId) throw sessionExists();
    if (filledWith === this.#proof) return { session, duplicate: true };
    throw eventId === undefined ? sessionExists() : otherFilling();
  }

  #told(error: unknown): unknown {
    if (error instanceof OtherSource)
      return new StateError(
        "IDEMPOTENCY_CONFLICT",
        "an import of this name was begun with other lines: delete the session, or send the same lines",
        { details: { change: 0 } },
      );
    if (error instanceof SameId) return atLine(invalid("id", "different for each event"), error.line);
    if (isStateError(error, "INVALID_RECORD") && this.#number > 0) return atLine(error, this.#number);
    return error;
  }
}

/** The same error with the number of the line that it is about. */
function atLine(error: StateError<"INVALID_RECORD">, line: number): StateError<"INVALID_RECORD"> {
  const { field, rule } = error.details;
  return new StateError("INVALID_RECORD", `line ${line}: ${field} must be ${rule}`, {
    details: { field, rule, line },
    cause: error.cause,
  });
}

/** The lines, until the signal aborts, also while the next one is waited for. */
async function* untilAborted(lines: Lines, signal: AbortSignal | undefined): AsyncGenerator<unknown> {
  const iterator = Symbol.asyncIterator in lines ? lines[Symbol.asyncIterator]() : lines[Symbol.iterator]();
  let isOver = false;
  try {
    for (;;) {
      signal?.throwIfAborted();
      const { done, value } = await raceAbort(Promise.resolve(iterator.next()), signal);
      isOver = done === true;
      if (isOver) return;
      yield value;
    }
  } finally {
    // A source that waits for its next line may never answer.
    if (!isOver) void Promise.resolve(iterator.return?.()).catch(() => {});
  }
}

/** INVALID_RECORD. */
export function readLines(value: unknown): Lines {
  const isIterable =
    typeof value === "object" &&
    value !== null &&
    (Symbol.asyncIterator in value || Symbol.iterator in value);
  if (!isIterable) throw invalid("lines", "an iterable of strings, one for each line");
  return value as Lines;
}
