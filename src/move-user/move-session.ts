import { headersUnder } from "../content/paging.js";
import { isStateError, StateError } from "../contract/errors.js";
import type { RecordHeader, StateRecord, StateStore } from "../contract/store.js";
import { jitteredPause } from "../timing/backoff.js";
import { sleep } from "../timing/real-timers.js";
import { cellKey } from "../typed/cell.js";
import type { GatedRecords, SessionMove } from "../typed/moving/user-data.js";
import { runExclusive } from "../typed/mutex.js";
import { type Counts, commitMove, count } from "./commit-move.js";
import { CopiedByAnother, copyPrefix } from "./copy.js";
import { bothHaveSessions, wereHereBefore } from "./errors.js";
import type { MovedKinds } from "./kinds.js";
import { gatesOf, MOST_BYTES, MOST_RECORDS, someRecords } from "./session-pages.js";

type Signal = AbortSignal | undefined;

const BACKOFF = { baseMs: 2, mostMs: 200, random: Math.random };
const MAX_ROUNDS = 100;
/** Another process that moves the same session may be the reason for some. */
const MAX_CONFLICTS = 3;
const CONFLICTS = ["IDEMPOTENCY_CONFLICT", "CONDITION_FAILED", "MOVE_CONFLICT"] as const;

/** Moves a session with everything that is stored under its identity. */
export class SessionMoves {
  readonly #store: StateStore;
  readonly #kinds: MovedKinds;
  readonly #counts: Counts;
  readonly #signal: Signal;

  constructor(store: StateStore, kinds: MovedKinds, counts: Counts, signal: Signal) {
    this.#store = store;
    this.#kinds = kinds;
    this.#counts = counts;
    this.#signal = signal;
  }

  /**
   * In one commit, as long as it takes all; a larger session in several. After an interruption, the same call goes on.
   * MOVE_CONFLICT, and UNAVAILABLE (`busy`) if others change the session all the time.
   */
  async move(move: SessionMove): Promise<void> {
    let conflicts = 0;
    let hasCopies = false;
    for (let round = 1; round <= MAX_ROUNDS; round++) {
      this.#signal?.throwIfAborted();
      try {
        if (await this.#moveSome(move, hasCopies || round > 1)) return;
        conflicts = 0;
      } catch (error) {
        const isConflict = CONFLICTS.some((code) => isStateError(error, code));
        if (!isConflict && !(error instanceof CopiedByAnother)) throw error;
        // An earlier call may have copied some of it.
        hasCopies = true;
        if (isConflict && ++conflicts > MAX_CONFLICTS) throw conflictOf(move, error);
        await sleep(jitteredPause(round, BACKOFF), this.#signal);
      }
    }
    throw changedAllTheTime();
  }

  /** Returns whether nothing was left to move. */
  async #moveSome(move: SessionMove, hasCopies: boolean): Promise<boolean> {
    const { from } = move;
    const all = await someRecords(this.#store, from, () => undefined, this.#signal);
    if (all.records.length === 0) return true;
    const moving = all.records.filter(({ kind }) => !this.#kinds.isIndex(kind));
    if (all.isAll && (moving.length === 0 || !hasCopies)) {
      if (moving.length === 0) await this.#removeAll(all.records);
      else await this.#commit(move, moving, {});
      return false;
    }
    // The first time writers of this process go on while most of it is copied.
    if (hasCopies) await this.#inTurn(move, () => this.#moveLarge(move));
    else await this.#moveLarge(move);
    return false;
  }

  /** Runs while no writer of this process changes a gate. */
  #inTurn(move: SessionMove, work: () => Promise<void>): Promise<void> {
    const gates = this.#kinds.gated.flatMap(({ gates }) => gates.filter((gate) => !gate.endsWith("/")));
    const held = ([gate, ...others]: readonly string[]): Promise<void> =>
      gate === undefined
        ? work()
        : runExclusive(this.#store, cellKey({ identity: move.from, kind: gate }), this.#signal, () =>
            held(others),
          );
    return held(gates);
  }

  /** First copies what nobody sees yet; then the commit with the gates shows it, and takes it from where it was. */
  async #moveLarge(move: SessionMove): Promise<void> {
    const { gated } = this.#kinds;
    const copied = new Map<string, string>();
    for (const each of gated)
      for (const [kind, eventId] of await this.#copy(move, each)) copied.set(kind, eventId);
    const bulkOf = (kind: string) => this.#kinds.bulkOf(kind);
    const rest = await someRecords(this.#store, move.from, bulkOf, this.#signal);
    const isGate = ({ kind }: RecordHeader) => gated.some((each) => this.#kinds.isGate(kind, each));
    // All of it in one commit, or else the gates first.
    const gates = rest.isAll ? rest.records : await this.#gateRecords(move, copied);
    const moving = gates.filter(({ kind }) => !this.#kinds.isIndex(kind));
    if (moving.some((record) => isGate(record) && copied.get(record.kind) !== record.eventId)) return;
    const exact = gated.flatMap((each) => each.gates.filter((gate) => !gate.endsWith("/")));
    const there = new Set(moving.map(({ kind }) => kind));
    const erased = gated
      .filter((each) => each.isErased && each.gates.some((gate) => there.has(gate)))
      .flatMap(({ bulk }) => bulk);
    const empty = exact.filter((gate) => !there.has(gate));
    if (moving.length > 0 && !(await this.#commit(move, moving, { erased, empty }))) return;
    for (const each of gated) await this.#removeCopied(move, each);
    if (!rest.isAll) await this.#moveRest(move);
  }

  /** Copies what differs. Returns the gates as they were before: if they are so still, nothing differs. */
  async #copy(move: SessionMove, gated: GatedRecords): Promise<ReadonlyMap<string, string>> {
    const gates = await gatesOf(this.#store, this.#kinds, move.from, gated, this.#signal);
    if (gates.size === 0) return gates;
    const { bulk, gateOf = () => undefined } = gated;
    for (const prefix of bulk) {
      const copied = { prefix, gateOf, gates: new Set(gates.keys()) };
      await copyPrefix(this.#store, this.#kinds, move, copied, this.#signal);
    }
    return gates;
  }

  /** As many gates as a commit takes. */
  async #gateRecords(move: SessionMove, copied: ReadonlyMap<string, string>): Promise<StateRecord[]> {
    const records: StateRecord[] = [];
    let bytes = 0;
    for (const kind of copied.keys()) {
      const record = await this.#store.find(move.from, kind, { signal: this.#signal });
      if (record === undefined) continue;
      bytes += record.bytes.byteLength;
      if (records.length === MOST_RECORDS || (records.length > 0 && bytes > MOST_BYTES)) break;
      records.push(record);
    }
    return records;
  }

  /** Moves what is neither a gate nor behind one: each record with what is attached to it in one commit. */
  async #moveRest(move: SessionMove): Promise<void> {
    const attached = await this.#kindsThere(move, this.#kinds.attachedKinds);
    await this.#moveOthers(move, attached);
    // What is attached to nothing, such as an upload that was cut off.
    if (attached.length > 0) await this.#moveOthers(move, []);
  }

  /** The same, without records of these kinds. */
  async #moveOthers(move: SessionMove, left: readonly string[]): Promise<void> {
    const { from } = move;
    const isLeft = (kind: string) => left.some((each) => kind.startsWith(each));
    const known = this.#kinds.attachedKinds;
    let piece: StateRecord[] = [];
    let bytes = 0;
    const taken = new Set<string>();
    const flush = async () => {
      if (piece.length > 0) await this.#commit(move, piece, {});
      [piece, bytes] = [[], 0];
    };
    for await (const page of headersUnder(this.#store, from, "", { signal: this.#signal }))
      for (const header of page) {
        const { kind } = header;
        if (taken.delete(kind) || this.#isLeftToOthers(kind) || isLeft(kind)) continue;
        const { kinds, prefixes: all } = this.#kinds.attached(header);
        // Of most kinds there are none in the session: then nobody need look for each record.
        const prefixes = all.filter((each) => isLeft(each) || !known.some((one) => each.startsWith(one)));
        const found = await Promise.all(
          [kind, ...kinds].map((each) => this.#store.find(from, each, { signal: this.#signal })),
        );
        const records = found.filter((record) => record !== undefined);
        for (const each of kinds) taken.add(each);
        const size = records.reduce((sum, record) => sum + record.bytes.byteLength, 0);
        if (piece.length + records.length > MOST_RECORDS || bytes + size > MOST_BYTES) await flush();
        // What belongs to it may have come before it.
        if (kinds.length > 0) piece = piece.filter((record) => !kinds.includes(record.kind));
        if (await this.#hasAny(move, prefixes)) await this.#moveWithAttached(move, records, prefixes);
        else {
          piece.push(...records);
          bytes += size;
        }
      }
    await flush();
  }

  /** A record with many others: these are copied first, and erased in the commit that moves it. */
  async #moveWithAttached(
    move: SessionMove,
    records: readonly StateRecord[],
    prefixes: readonly string[],
  ): Promise<void> {
    const [first] = records;
    if (first === undefined) return;
    const gated = { gates: [first.kind], bulk: prefixes, gateOf: () => first.kind, isErased: true };
    const gates = await this.#copy(move, gated);
    if (gates.get(first.kind) === first.eventId) await this.#commit(move, records, { erased: prefixes });
  }

  /** What was copied, and has no gate any more, is removed as it was seen: what is written since stays. */
  async #removeCopied(move: SessionMove, gated: GatedRecords): Promise<void> {
    for (const prefix of gated.bulk)
      for await (const page of headersUnder(this.#store, move.from, prefix, { signal: this.#signal })) {
        const gates = await gatesOf(this.#store, this.#kinds, move.from, gated, this.#signal);
        if (gates.size > 0) return;
        await this.#removeAll(page);
      }
  }

  async #removeAll(records: readonly RecordHeader[]): Promise<void> {
    const deletes = records.map(
      ({ identity, kind, eventId }) => ({ op: "delete", identity, kind, expect: eventId }) as const,
    );
    await this.#store.commit(deletes, { signal: this.#signal });
  }

  /** The kinds of which the session has any. */
  async #kindsThere(move: SessionMove, kinds: readonly string[]): Promise<readonly string[]> {
    const there: string[] = [];
    for (const kind of kinds) if (await this.#hasAny(move, [kind])) there.push(kind);
    return there;
  }

  async #hasAny({ from }: SessionMove, prefixes: readonly string[]): Promise<boolean> {
    for (const prefix of prefixes)
      if ((await this.#store.count(from, prefix, { limit: 1, signal: this.#signal })) > 0) return true;
    return false;
  }

  #isLeftToOthers(kind: string): boolean {
    const { gated } = this.#kinds;
    const isGate = gated.some((each) => this.#kinds.isGate(kind, each));
    return isGate || this.#kinds.isIndex(kind) || this.#kinds.bulkOf(kind) !== undefined;
  }

  async #commit(
    move: SessionMove,
    records: readonly StateRecord[],
    how: { readonly erased?: readonly string[]; readonly empty?: readonly string[] },
  ): Promise<boolean> {
    const isMoved = await commitMove(this.#store, this.#kinds, move, { records, ...how }, this.#signal);
    if (isMoved) count(this.#counts, this.#kinds, records);
    return isMoved;
  }
}

function conflictOf({ from }: SessionMove, error: unknown): unknown {
  if (isStateError(error, "CONDITION_FAILED")) return bothHaveSessions([from.session]);
  return isStateError(error, "MOVE_CONFLICT") ? error : wereHereBefore(from.session, error);
}

function changedAllTheTime(): StateError<"UNAVAILABLE"> {
  return new StateError("UNAVAILABLE", "other writers change the session all the time: move it later", {
    details: { reason: "busy" },
  });
}
