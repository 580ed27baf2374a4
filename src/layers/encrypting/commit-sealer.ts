import { changedMeanwhile } from "../../contract/changed-meanwhile.js";
import type { CallLimit, Commit, Outcome, StoredRecord, Write } from "../../contract/driver.js";
import { atOnce, inSlices, type Steps } from "../../timing/in-slices.js";
import { type DataKeys, nameOf, type Ring } from "./data-keys.js";
import { type Scope, scopeSlot } from "./own-records.js";
import { sealRecordSteps } from "./sealed-payload.js";

/** Larger payloads are sealed and opened in slices. */
const MAX_BYTES_AT_ONCE = 256 * 1024;

/** A commit with sealed payloads, and what the layer added to its writes. */
export interface Sealed {
  readonly commit: Commit;
  /** How many of the writes are the caller's. */
  readonly own: number;
  /** Whose keys must be as they are. */
  readonly scopes: readonly Scope[];
  /** The rings of sessions that it erases. */
  readonly erased: readonly { readonly scope: Scope; readonly ring: string }[];
}

interface ScopeRing {
  readonly scope: Scope;
  readonly ring: Ring;
}

/** What a sealed commit is made of. */
interface Parts {
  readonly sealed: readonly Write[];
  /** Those that seal it, by the names of their scopes. */
  readonly rings: ReadonlyMap<string, ScopeRing>;
  /** Of the keys of sessions that it erases. */
  readonly deletes: readonly Write[];
  readonly erased: Sealed["erased"];
}

/** Seals the payloads of commits, and reads the answers to them. */
export class CommitSealer {
  readonly #keys: DataKeys;

  constructor(keys: DataKeys) {
    this.#keys = keys;
  }

  /** At once, where the keys are held in memory and the payloads are small: most commits are. */
  seal(commit: Commit, limit: CallLimit): Sealed | Promise<Sealed> {
    const sealed: Write[] = [];
    const rings = new Map<string, ScopeRing>();
    for (const write of commit.writes) {
      if (write.op === "erase") return this.#sealSlowly(commit, limit);
      if (write.op !== "save") {
        sealed.push(write);
        continue;
      }
      const scope = this.#keys.scopeOf(write.record);
      const ring = this.#keys.held(scope);
      if (ring === undefined || isLarge(write.record)) return this.#sealSlowly(commit, limit);
      rings.set(nameOf(scope), { scope, ring });
      sealed.push({ ...write, record: atOnce(sealRecordSteps(write.record, ring.current)) });
    }
    return this.#sealed(commit, { sealed, rings, deletes: [], erased: [] });
  }

  /** The answer to the caller's own writes. */
  settle(sealed: Sealed, answer: Outcome): Outcome | Promise<Outcome> {
    if (isStale(sealed, answer)) {
      for (const scope of sealed.scopes) this.#keys.forget(scope);
      return { is: "failed", error: changedMeanwhile() };
    }
    if (answer.is !== "applied") return answer;
    const own = { ...answer, existed: answer.existed.slice(0, sealed.own) };
    return sealed.erased.length === 0 ? own : this.#destroyed(sealed.erased, own);
  }

  async #sealSlowly(commit: Commit, limit: CallLimit): Promise<Sealed> {
    const sealed: Write[] = [];
    const rings = new Map<string, ScopeRing>();
    const deletes: Write[] = [];
    const erased: { scope: Scope; ring: string }[] = [];
    for (const write of commit.writes) {
      if (write.op === "save") {
        const { record } = write;
        const scope = this.#keys.scopeOf(record);
        const ring = await this.#keys.obtain(scope, limit);
        rings.set(nameOf(scope), { scope, ring });
        sealed.push({ ...write, record: await runSteps(sealRecordSteps(record, ring.current), record) });
        continue;
      }
      sealed.push(write);
      if (write.op !== "erase" || write.session === undefined || this.#keys.per === "tenant") continue;
      const scope = this.#keys.scopeOf(write.session);
      deletes.push({ op: "delete", slot: scopeSlot(scope) });
      const ring = this.#keys.areElsewhere ? await this.#keys.ringOf(scope, limit) : "";
      if (ring !== undefined) erased.push({ scope, ring });
    }
    return this.#sealed(commit, { sealed, rings, deletes, erased });
  }

  #sealed({ tenant, writes }: Commit, { sealed, rings, deletes, erased }: Parts): Sealed {
    const scopes = [...rings.values()];
    // A key that was destroyed by another process would seal what nobody can open.
    const checks =
      this.#keys.per === "tenant"
        ? []
        : scopes.map(
            ({ scope, ring }): Write => ({ op: "check", slot: scopeSlot(scope), expect: ring.eventId }),
          );
    return {
      commit: { tenant, writes: [...sealed, ...deletes, ...checks] },
      own: writes.length,
      scopes: scopes.map(({ scope }) => scope),
      erased,
    };
  }

  async #destroyed(erased: Sealed["erased"], outcome: Outcome): Promise<Outcome> {
    for (const { scope, ring } of erased) {
      // What a process that dies here leaves, and what cannot be destroyed now, `sweepKeys` destroys.
      await this.#keys.destroy(scope, ring).catch(() => {});
    }
    return outcome;
  }
}

/** The layer's own condition was not met: the keys are others by now. */
export function isStale({ own }: Sealed, answer: Outcome): boolean {
  return answer.is === "condition" && answer.write >= own;
}

/** What is done with a small payload at once, and with a large one in slices. */
export function runSteps<T>(steps: Steps<T>, payload: Pick<StoredRecord, "bytes">): T | Promise<T> {
  return isLarge(payload) ? inSlices(steps) : atOnce(steps);
}

function isLarge({ bytes }: Pick<StoredRecord, "bytes">): boolean {
  return bytes.byteLength > MAX_BYTES_AT_ONCE;
}
