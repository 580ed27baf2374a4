import { removeAbandoned } from "../content/abandoned.js";
import { type CleanupOptions, readCleanup } from "../content/cleanup-options.js";
import { CountedContent } from "../content/counted-content.js";
import { joined } from "../content/joined.js";
import { recordsUnder } from "../content/paging.js";
import { digestOfSource } from "../content/source-digest.js";
import type {
  CallOptions,
  MaintenanceScope,
  RecordHeader,
  SessionIdentity,
  StateStore,
} from "../contract/store.js";
import { decodeRecord, readStore } from "../typed/cell.js";
import { findCell } from "../typed/cell-operations.js";
import { exportEach } from "../typed/exporting/export-each.js";
import { findByEventId } from "../typed/find-by-event-id.js";
import { InputReader } from "../typed/input-reader.js";
import type { UserData } from "../typed/moving/user-data.js";
import { itemKind, itemPrefix } from "../typed/names.js";
import { perform } from "../typed/operation.js";
import { type Clock, readClock } from "../typed/time.js";
import { Unit } from "../typed/together/unit.js";
import { readInteger, readNamed } from "../validation/validate.js";
import type {
  Artifact,
  ArtifactInfo,
  ArtifactOwner,
  ArtifactPage,
  ArtifactReceipt,
  ArtifactsOptions,
  ArtifactVersionOptions,
  ListArtifactsOptions,
  ListVersionsOptions,
  NewArtifact,
  VersionPage,
} from "./artifact.js";
import { noSuchArtifact } from "./errors.js";
import { exportedContent } from "./exporting.js";
import { readName, readOwner } from "./fields.js";
import { ArtifactsInUnit } from "./in-unit.js";
import { type PutInput, readCall, readList, readPut, readVersionOptions, readVersions } from "./input.js";
import { movingArtifacts } from "./moving.js";
import { ArtifactOperations, requireSame } from "./operations.js";
import { retainArtifacts } from "./retaining.js";
import {
  CONTENT,
  HEAD_CODEC,
  HEADS,
  headCell,
  infoOf,
  requireHead,
  requireVersion,
  type StoredVersion,
  VERSION_CODEC,
  VERSIONS_PREFIX,
  versionCell,
  versionsOf,
} from "./stored-artifact.js";

/** Versions deleted in one commit: each touches a few records. */
const DELETED_AT_ONCE = 100;

/**
 * Named content in versions, of a session or of a user: files, reports, images.
 *
 * A reader sees a version whole or not at all, and equal content of one owner is stored once. Content is checked against its
 * SHA-256 as it is read. The session need not exist. Every method rejects with the errors of the store.
 */
export class Artifacts {
  readonly #store: StateStore;
  readonly #now: Clock;
  readonly #operations: ArtifactOperations;

  /** @internal */
  constructor(store: StateStore, options: ArtifactsOptions = {}) {
    readNamed(options, "options", ["clock", "redact"]);
    this.#store = readStore(store);
    this.#now = readClock(options);
    this.#operations = new ArtifactOperations(this.#store, this.#now, new InputReader(options, "artifacts"));
    Object.freeze(this);
  }

  /** The methods of a unit of `together`: they take effect with its other calls, or not at all. INVALID_RECORD. */
  in(unit: Unit): ArtifactsInUnit {
    return new ArtifactsInUnit(Unit.check(unit, this.#store), this.#store, this.#operations);
  }

  /**
   * Puts the next version of an artifact. Concurrent puts of one name get different numbers. A stream is read as fast as it is
   * stored; what a source throws is passed on, and leaves nothing. With an `id` it is put once: the same call again is a
   * duplicate, for which a stream is read but not stored; other content, type, metadata or name is IDEMPOTENCY_CONFLICT.
   * NOT_FOUND if the version was deleted since, within the store's idempotency window. CONDITION_FAILED of `expect`.
   * UNAVAILABLE (`busy`) if `cleanup` took a paused upload for abandoned.
   */
  async put(identity: ArtifactOwner, artifact: NewArtifact, options?: CallOptions): Promise<ArtifactReceipt> {
    const input = readPut(
      identity,
      artifact,
      CountedContent.smallBytes(this.#store),
      this.#operations.inputs,
    );
    const call = readCall(options);
    const earlier = await this.#earlier(input, call);
    if (earlier !== undefined) return requireSame(earlier, input, await digestOfSource(input.source, call));
    const content = this.#operations.content(input.owner);
    const taken = await content.take(input.source, call);
    try {
      const { result } = await perform(this.#store, this.#operations.put(input, taken), call);
      if (result.duplicate && taken.isUploaded) await content.drop(taken);
      return result;
    } catch (error) {
      if (taken.isUploaded) await content.drop(taken);
      throw error;
    }
  }

  /** What is known of an artifact, without its content. NOT_FOUND, CORRUPT. */
  async stat(identity: ArtifactOwner, name: string, options?: ArtifactVersionOptions): Promise<ArtifactInfo> {
    const owner = readOwner(identity);
    const { version, signal } = readVersionOptions(options);
    return infoOf(await this.#require(owner, readName(name, "name"), version, { signal }));
  }

  /** The artifact with its content. NOT_FOUND, CORRUPT. */
  async get(identity: ArtifactOwner, name: string, options?: ArtifactVersionOptions): Promise<Artifact> {
    const found = await this.find(identity, name, options);
    if (found === undefined) throw noSuchArtifact();
    return found;
  }

  /** The artifact with its content, or `undefined`. CORRUPT. */
  async find(
    identity: ArtifactOwner,
    name: string,
    options?: ArtifactVersionOptions,
  ): Promise<Artifact | undefined> {
    const owner = readOwner(identity);
    const { version, signal } = readVersionOptions(options);
    const found = await this.#find(owner, readName(name, "name"), version, { signal });
    if (found === undefined) return undefined;
    const bytes = await joined(this.#read(owner, found, { signal }), found.content.size);
    return { ...infoOf(found), bytes };
  }

  /**
   * The content in pieces of up to a mebibyte. A few of them are read ahead, so content of any size takes little memory. The
   * last one is handed out only if all of them are what was put. NOT_FOUND, also if the version is deleted meanwhile.
   * CORRUPT, at the piece that is damaged.
   *
   * @example
   * ```ts
   * import { createArtifacts } from "groundstate/artifacts";
   *
   * let size = 0;
   * for await (const piece of createArtifacts(store).stream(session, "video.mp4")) size += piece.length;
   * console.log(size);
   * ```
   */
  async *stream(
    identity: ArtifactOwner,
    name: string,
    options?: ArtifactVersionOptions,
  ): AsyncGenerator<Uint8Array, void, undefined> {
    const owner = readOwner(identity);
    const { version, signal } = readVersionOptions(options);
    yield* this.#read(owner, await this.#require(owner, readName(name, "name"), version, { signal }), {
      signal,
    });
  }

  /** The artifacts of a session or user, each as its last version, in the order of their names. CORRUPT. */
  async list(identity: ArtifactOwner, options?: ListArtifactsOptions): Promise<ArtifactPage> {
    const owner = readOwner(identity);
    const { prefix, after, limit, signal } = readList(options);
    const range = after === undefined ? {} : { after: itemKind(HEADS, after) };
    const artifacts: ArtifactInfo[] = [];
    for await (const page of recordsUnder(this.#store, owner, itemPrefix(HEADS) + prefix, {
      ...range,
      signal,
    }))
      for (const record of page) {
        if (artifacts.length === limit) return { artifacts, next: artifacts.at(-1)?.name as string };
        const name = record.kind.slice(itemPrefix(HEADS).length);
        const cell = headCell(owner, name);
        artifacts.push(infoOf(requireHead(cell, await decodeRecord(HEAD_CODEC, record), name).last));
      }
    return { artifacts };
  }

  /** The versions of an artifact, newest first. Empty if there is none. CORRUPT. */
  async versions(identity: ArtifactOwner, name: string, options?: ListVersionsOptions): Promise<VersionPage> {
    const owner = readOwner(identity);
    const own = readName(name, "name");
    const { after, limit, signal } = readVersions(options);
    const range = after === undefined ? {} : { before: versionCell(owner, own, after).kind };
    const versions: ArtifactInfo[] = [];
    const order = { ...range, reverse: true, signal };
    for await (const page of recordsUnder(this.#store, owner, versionsOf(own), order))
      for (const record of page) {
        if (versions.length === limit) return { versions, next: versions.at(-1)?.version as number };
        versions.push(infoOf(requireVersion(record, await decodeRecord(VERSION_CODEC, record), own)));
      }
    return { versions };
  }

  /**
   * Deletes an artifact with all its versions, or one version. Returns whether there was something to delete. All versions are
   * deleted in pieces, the oldest first; those that are put meanwhile stay. After an interruption, call it again. Content
   * that nothing else uses goes with its last version.
   */
  async delete(identity: ArtifactOwner, name: string, options?: ArtifactVersionOptions): Promise<boolean> {
    const owner = readOwner(identity);
    const own = readName(name, "name");
    const { version, signal } = readVersionOptions(options);
    if (version === undefined) return this.#deleteAll(owner, own, { signal });
    return (await perform(this.#store, this.#operations.deleteVersion(owner, own, version), { signal }))
      .result;
  }

  /**
   * Removes what puts and deletions that were cut off have left, in all sessions of a scope, once nobody has gone on with it
   * for a while. It is found by an index of its own. Returns how many were removed; call it again if that is the `limit`.
   */
  async cleanup(scope: MaintenanceScope, options?: CleanupOptions): Promise<number> {
    return removeAbandoned(this.#store, scope, CONTENT, this.#now, readCleanup(options));
  }

  /**
   * The artifacts of sessions and users as they take part when a user is moved or exported, and in retention. They go with their
   * sessions and users.
   */
  get userData(): UserData {
    return {
      ...movingArtifacts(),
      retain: (scope, options) => retainArtifacts(this.#store, this.#operations, scope, options),
      exportOf: (owner, options) => {
        const itemsOf = ({ kind }: RecordHeader) => this.#exported(owner, kind, options);
        return exportEach(this.#store, { owner, prefix: VERSIONS_PREFIX, itemsOf }, options);
      },
      exportedKinds: [itemPrefix(HEADS), "artifact."],
    };
  }

  /** A version with its content. */
  async *#exported(owner: SessionIdentity, kind: string, options: CallOptions): AsyncGenerator<object> {
    const record = await this.#store.find(owner, kind, options);
    if (record === undefined) return;
    const found = await decodeRecord(VERSION_CODEC, record);
    const { name, version } = requireVersion(record, found, found.name);
    yield* exportedContent(infoOf(found), { name, version }, this.#read(owner, found, options));
  }

  async #deleteAll(owner: SessionIdentity, name: string, { signal }: CallOptions): Promise<boolean> {
    const head = await findCell(this.#store, headCell(owner, name), { signal });
    if (head === undefined) return false;
    const { kind: before } = versionCell(owner, name, head.value.next);
    for (;;) {
      const range = { before, limit: DELETED_AT_ONCE, signal, bytes: false } as const;
      const page = await this.#store.list(owner, versionsOf(name), range);
      if (page.length === 0) return true;
      const numbers = page.map(({ kind }) => Number(kind.slice(versionsOf(name).length)));
      await perform(this.#store, this.#operations.deleteVersions(owner, name, numbers), { signal });
    }
  }

  async *#read(
    owner: SessionIdentity,
    found: StoredVersion,
    { signal }: CallOptions,
  ): AsyncGenerator<Uint8Array, void, undefined> {
    const cell = versionCell(owner, found.name, found.version);
    yield* this.#operations.content(owner).readFor(cell, found.content, noSuchArtifact, { signal });
  }

  async #require(
    owner: SessionIdentity,
    name: string,
    version: number | undefined,
    options: CallOptions,
  ): Promise<StoredVersion> {
    const found = await this.#find(owner, name, version, options);
    if (found === undefined) throw noSuchArtifact();
    return found;
  }

  async #find(
    owner: SessionIdentity,
    name: string,
    version: number | undefined,
    options: CallOptions,
  ): Promise<StoredVersion | undefined> {
    if (version === undefined) {
      const cell = headCell(owner, name);
      const head = await findCell(this.#store, cell, options);
      return head && requireHead(cell, head.value, name).last;
    }
    const cell = versionCell(owner, name, readInteger(version, "version", 1, Number.MAX_SAFE_INTEGER));
    const found = await findCell(this.#store, cell, options);
    return found && requireVersion(cell, found.value, name);
  }

  async #earlier({ owner, eventId }: PutInput, options: CallOptions): Promise<StoredVersion | undefined> {
    if (eventId === undefined) return undefined;
    const record = await findByEventId(this.#store, owner, eventId, options);
    return record && decodeRecord(VERSION_CODEC, record);
  }
}
