import { isDeepStrictEqual } from "node:util";
import type { TakenContent } from "../content/chunked-content.js";
import type { ContentRef } from "../content/content-ref.js";
import { CountedContent } from "../content/counted-content.js";
import { isStateError } from "../contract/errors.js";
import type { EventId, SessionIdentity, StateStore } from "../contract/store.js";
import { decodeRecord } from "../typed/cell.js";
import type { InputReader } from "../typed/input-reader.js";
import type { Operation } from "../typed/operation.js";
import type { Clock } from "../typed/time.js";
import type { Transaction } from "../typed/transaction.js";
import type { ArtifactReceipt } from "./artifact.js";
import { anotherVersion, noSuchArtifact, otherArtifact } from "./errors.js";
import type { PutInput } from "./input.js";
import {
  CONTENT,
  headCell,
  infoOf,
  requireHead,
  requireVersion,
  type StoredVersion,
  VERSION_CODEC,
  versionCell,
  versionsOf,
} from "./stored-artifact.js";

/** What a put writes beside its content. */
export type PutFields = Omit<PutInput, "source">;

/** What the mutating methods do once their input is read, and the content is. */
export class ArtifactOperations {
  /** What reads the input of `put`, which the caller does. */
  readonly inputs: InputReader;
  readonly #store: StateStore;
  readonly #now: Clock;

  constructor(store: StateStore, now: Clock, inputs: InputReader) {
    this.inputs = inputs;
    this.#store = store;
    this.#now = now;
  }

  content(owner: SessionIdentity): CountedContent {
    return new CountedContent(this.#store, owner, CONTENT, this.#now);
  }

  /** A caller's id is looked for in the transaction, so it happens once in a unit too. */
  put(input: PutFields, taken: TakenContent): Operation<ArtifactReceipt> {
    const { owner, name, eventId } = input;
    return {
      turn: headCell(owner, name),
      repeatable: eventId !== undefined,
      findsItsIds: true,
      apply: async (transaction) => {
        const earlier = eventId && (await this.#earlier(transaction, owner, eventId));
        if (earlier) return requireSame(earlier, input, taken);
        return this.#putNext(transaction, input, taken);
      },
    };
  }

  /** Deletes a version. Returns whether there was one. */
  deleteVersion(owner: SessionIdentity, name: string, version: number): Operation<boolean> {
    return {
      turn: headCell(owner, name),
      repeatable: true,
      apply: async (transaction) => {
        const cell = headCell(owner, name);
        const found = await transaction.get(cell);
        if (found === undefined) return false;
        const head = requireHead(cell, found, name);
        if (!(await this.#remove(transaction, owner, name, version))) return false;
        const last = head.last.version === version ? await this.#lastBefore(owner, name, version) : head.last;
        // Each deletion changes the head, so that no other call takes a deleted version for the last one.
        if (last === undefined) transaction.delete(cell);
        else await transaction.set(cell, { ...head, last });
        return true;
      },
    };
  }

  /** Deletes these versions, and the head if they are all that is left. */
  deleteVersions(owner: SessionIdentity, name: string, versions: readonly number[]): Operation<boolean> {
    return {
      turn: headCell(owner, name),
      repeatable: true,
      apply: async (transaction) => {
        const cell = headCell(owner, name);
        const head = await transaction.get(cell);
        for (const version of versions) await this.#remove(transaction, owner, name, version);
        const newest = Math.max(...versions);
        if (head === undefined) return false;
        const isAll = requireHead(cell, head, name).last.version <= newest;
        if (isAll) transaction.delete(cell);
        else await transaction.set(cell, head);
        return isAll;
      },
    };
  }

  async #putNext(transaction: Transaction, input: PutFields, taken: TakenContent): Promise<ArtifactReceipt> {
    const { owner, name, contentType, metadata, eventId, expect } = input;
    const cell = headCell(owner, name);
    const found = await transaction.get(cell);
    const head = found && requireHead(cell, found, name);
    const before = head?.last.version ?? 0;
    if (expect !== undefined && expect !== before) throw anotherVersion(owner, name, before);
    const content = await this.content(owner).hold(transaction, taken);
    const at = this.#now();
    const version: StoredVersion = {
      name,
      version: head?.next ?? 1,
      content,
      ...(contentType !== undefined && { contentType }),
      metadata,
      at,
    };
    await transaction.set(cell, { next: version.version + 1, last: version });
    const numbered = versionCell(owner, name, version.version);
    await transaction.create(numbered, version, eventId);
    // The store knows the id of a version that is gone.
    transaction.explain(numbered, (error) =>
      isStateError(error, "IDEMPOTENCY_CONFLICT") ? noSuchArtifact() : error,
    );
    return { artifact: infoOf(version), duplicate: false };
  }

  /** The version that an earlier call with this id put. */
  async #earlier(
    transaction: Transaction,
    owner: SessionIdentity,
    eventId: EventId,
  ): Promise<StoredVersion | undefined> {
    const found = await transaction.findByEventId(owner, eventId);
    return found && decodeRecord(VERSION_CODEC, { ...found, eventId });
  }

  async #remove(
    transaction: Transaction,
    owner: SessionIdentity,
    name: string,
    version: number,
  ): Promise<boolean> {
    const cell = versionCell(owner, name, version);
    const found = await transaction.get(cell);
    if (found === undefined) return false;
    await this.content(owner).release(transaction, requireVersion(cell, found, name).content);
    transaction.delete(cell);
    return true;
  }

  /** Whoever changes the versions changes the head, on which the commit depends. */
  async #lastBefore(
    owner: SessionIdentity,
    name: string,
    version: number,
  ): Promise<StoredVersion | undefined> {
    const { kind: before } = versionCell(owner, name, version);
    const [record] = await this.#store.list(owner, versionsOf(name), { before, reverse: true, limit: 1 });
    return record && requireVersion(record, await decodeRecord(VERSION_CODEC, record), name);
  }
}

/** The receipt of a put that came again. IDEMPOTENCY_CONFLICT if it says something else. */
export function requireSame(
  earlier: StoredVersion,
  { name, contentType, metadata }: PutFields,
  { sha256 }: Pick<ContentRef, "sha256">,
): ArtifactReceipt {
  const isSame =
    earlier.name === name &&
    earlier.contentType === contentType &&
    earlier.content.sha256 === sha256 &&
    isDeepStrictEqual(earlier.metadata, metadata);
  if (!isSame) throw otherArtifact();
  return { artifact: infoOf(earlier), duplicate: true };
}
