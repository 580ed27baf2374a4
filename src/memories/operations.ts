import { invalid, StateError } from "../contract/errors.js";
import type { EventId, Identity } from "../contract/store.js";
import { readStateOf } from "../identity/own-state.js";
import { newEventId } from "../process/event-id.js";
import { alreadyExists } from "../typed/already-exists.js";
import { conditionFailed } from "../typed/condition-failed.js";
import type { InputReader } from "../typed/input-reader.js";
import { digestOf, readScopedId, scopedEventId } from "../typed/names.js";
import type { Operation } from "../typed/operation.js";
import type { Clock } from "../typed/time.js";
import type { Transaction } from "../typed/transaction.js";
import { DAMAGED, unlessCorrupt } from "../typed/unless-corrupt.js";
import { optional, readTtl } from "../validation/fields.js";
import { readExpect, readNamed } from "../validation/validate.js";
import { readName } from "../validation/validate-text.js";
import type { MemoriesOf } from "./memory.js";
import {
  contentCell,
  endOf,
  isLive,
  type MemoryPlace,
  memoryCell,
  readContent,
  readMetadata,
  readPlace,
  readTopics,
  type SeenMemory,
  type StoredMemory,
} from "./stored-memory.js";
import type { EmbeddedContent } from "./stored-vector.js";
import { deleteMemory, findByContent, readMemory, writeMemory } from "./write-memory.js";

export const ADD_NAMES = ["topics", "metadata", "run", "id", "ttlMs"];
const CHANGE_NAMES = ["content", "topics", "metadata", "run", "ttlMs"];

/** What came of an `add` or an `update`. */
interface Written {
  readonly id: string;
  readonly duplicate: boolean;
}

/** A memory to be added, checked. */
export interface Adding {
  readonly owner: Identity;
  /** The caller's; `undefined`: each attempt makes one. */
  readonly id: string | undefined;
  readonly stored: StoredMemory;
}

/** An update, checked. */
export interface Updating {
  readonly place: MemoryPlace;
  readonly changes: Partial<Omit<StoredMemory, "ttlMs">> & { readonly ttlMs?: number | null };
  readonly expect: EventId | undefined;
}

/** What the mutating methods do once their input is read. */
export class MemoryOperations {
  /** What reads the input of `add` and `update`, which the caller does. */
  readonly inputs: InputReader;
  readonly #now: Clock;

  constructor(now: Clock, inputs: InputReader) {
    this.#now = now;
    this.inputs = inputs;
  }

  add({ owner, id: ownId, stored }: Adding, vector?: EmbeddedContent): Operation<Written> {
    const { content } = stored;
    return {
      turn: contentCell(owner, content),
      repeatable: true,
      findsItsIds: true,
      apply: async (transaction) => {
        const place = { owner, id: ownId ?? newEventId() };
        const eventId = ownId === undefined ? undefined : eventIdOf(place);
        if (eventId !== undefined && (await transaction.isKnown(memoryCell(place), stored, eventId)))
          return { id: place.id, duplicate: true };
        const there = await findByContent(transaction, owner, content);
        if (there !== undefined && isLive(there, this.#now())) return { id: there.id, duplicate: true };
        if (there !== undefined) await deleteMemory(transaction, { owner, id: there.id }, there);
        if (ownId !== undefined) await this.#makeRoom(transaction, place);
        await writeMemory(transaction, place, undefined, {
          stored,
          at: new Date(this.#now()),
          eventId,
          vector,
        });
        return { id: place.id, duplicate: false };
      },
    };
  }

  update({ place, changes, expect }: Updating, vector?: EmbeddedContent): Operation<Written> {
    const cell = memoryCell(place);
    return {
      turn: cell,
      repeatable: false,
      apply: async (transaction) => {
        const before = await readMemory(transaction, cell);
        if (before === undefined || !isLive(before, this.#now())) throw noSuchMemory();
        if (expect !== undefined && before.eventId !== expect) throw conditionFailed(cell, before.eventId);
        const at = new Date(this.#now());
        const stored = changed(before, changes, at.getTime());
        const isSame = stored.content === before.content;
        if (!isSame) await this.#makeRoomFor(transaction, place.owner, stored.content);
        await writeMemory(transaction, place, before, { stored, at, vector: isSame ? "keep" : vector });
        return { id: place.id, duplicate: false };
      },
    };
  }

  delete(identity: MemoriesOf, id: unknown, options: unknown = {}): Operation<boolean> {
    const place = readPlace(identity, id);
    const expect = readCondition(readNamed(options, "options", ["expect"]));
    const cell = memoryCell(place);
    return {
      turn: cell,
      repeatable: true,
      apply: async (transaction) => {
        const before = await unlessCorrupt(() => readMemory(transaction, cell));
        const current =
          typeof before === "object" && isLive(before, this.#now()) ? before.eventId : undefined;
        if (expect !== undefined && before !== DAMAGED && current !== expect)
          throw conditionFailed(cell, current ?? null);
        if (expect !== undefined && before === DAMAGED) await readMemory(transaction, cell);
        if (before === undefined) return false;
        await deleteMemory(transaction, place, before);
        return before === DAMAGED || current !== undefined;
      },
    };
  }

  /** What was under the caller's id before goes if it is damaged or past its time. IDEMPOTENCY_CONFLICT otherwise. */
  async #makeRoom(transaction: Transaction, place: MemoryPlace): Promise<void> {
    const before = await unlessCorrupt(() => readMemory(transaction, memoryCell(place)));
    if (before === undefined) return;
    if (before !== DAMAGED && isLive(before, this.#now()))
      throw new StateError("IDEMPOTENCY_CONFLICT", "there is another memory under this id", {
        details: { change: 0 },
      });
    await deleteMemory(transaction, place, before);
  }

  /** Another memory of this content goes if it is past its time. ALREADY_EXISTS otherwise. */
  async #makeRoomFor(transaction: Transaction, owner: Identity, content: string): Promise<void> {
    const there = await findByContent(transaction, owner, content);
    if (there === undefined) return;
    if (isLive(there, this.#now())) throw alreadyExists("memory with this content");
    await deleteMemory(transaction, { owner, id: there.id }, there);
  }
}

/** Reads what is to be added. INVALID_RECORD, IDENTITY_REQUIRED. */
export function readAdding(
  identity: MemoriesOf,
  content: unknown,
  options: unknown = {},
  inputs: InputReader,
): Adding {
  const given = readNamed(options, "options", ADD_NAMES) as Readonly<Record<string, unknown>>;
  return {
    owner: readStateOf(identity),
    id: "id" in given ? readScopedId(given.id, "id") : undefined,
    stored: {
      content: inputs.text(readContent)(content, "content"),
      topics: "topics" in given ? readTopics(given.topics) : [],
      metadata: "metadata" in given ? readMetadata(given.metadata, "metadata", inputs) : {},
      ...optional(given as { run?: unknown }, "run", readName),
      ...optional(given as { ttlMs?: unknown }, "ttlMs", readTtl),
    },
  };
}

/** Reads an update. INVALID_RECORD, IDENTITY_REQUIRED. */
export function readUpdating(
  identity: MemoriesOf,
  id: unknown,
  changes: unknown,
  options: unknown = {},
  inputs: InputReader,
): Updating {
  const given = readNamed(changes, "changes", CHANGE_NAMES);
  return {
    place: readPlace(identity, id),
    changes: {
      ...optional(given as { content?: unknown }, "content", inputs.text(readContent)),
      ...optional(given as { topics?: unknown }, "topics", readTopics),
      ...optional(given as { metadata?: unknown }, "metadata", (value, field) =>
        readMetadata(value, field, inputs),
      ),
      ...optional(given as { run?: unknown }, "run", readName),
      ...optional(given as { ttlMs?: unknown }, "ttlMs", (value, field) =>
        value === null ? null : readTtl(value, field),
      ),
    },
    expect: readCondition(readNamed(options, "options", ["expect"])),
  };
}

function readCondition(options: object): EventId | undefined {
  const expect = readExpect(options);
  if (expect === null) throw invalid("expect", "left out or an event id");
  return expect;
}

/** The memory after an update. Its times are written out, because those of its record say when it was updated. */
function changed(
  { stored, createdAt, expiresAt }: SeenMemory,
  { ttlMs, ...changes }: Updating["changes"],
  now: number,
): StoredMemory {
  const { ttlMs: _, expiresAt: __, ...before } = stored;
  const end = ttlMs === undefined ? expiresAt?.getTime() : ttlMs === null ? undefined : endOf(now, ttlMs);
  return {
    ...before,
    ...changes,
    createdAt: createdAt.getTime(),
    ...(end !== undefined && { expiresAt: end }),
  };
}

function eventIdOf({ owner: { user, session }, id }: MemoryPlace): EventId {
  return scopedEventId(digestOf("memories", user, session), id);
}

function noSuchMemory(): StateError<"NOT_FOUND"> {
  return new StateError("NOT_FOUND", "there is no such memory", { details: {} });
}
