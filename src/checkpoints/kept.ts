import { headersUnder, recordsUnder } from "../content/paging.js";
import type { CallOptions, RecordHeader, StateRecord } from "../contract/store.js";
import { decodeRecord } from "../typed/cell.js";
import { digestOf } from "../typed/names.js";
import { CHECKPOINT_CODEC } from "./checkpoint-record.js";
import { checkpointsOf, idIn, namespaceIn, numberOf, type Place } from "./kinds.js";
import { LaterPuts, namespacesOf } from "./namespaces.js";
import type { CheckpointRecords, FoundCheckpoint } from "./records.js";

/** A checkpoint that is kept; with `until`, so are its ancestors up to that one. */
interface Visit {
  readonly namespace: string;
  readonly id: string;
  readonly until?: string;
}

/** What to keep. */
export interface KeepRule {
  /** How many of each namespace. */
  readonly keep: number;
  /** The only namespace that is pruned. Absent: each. */
  readonly namespace?: string;
}

const VISITS_AT_ONCE = 64;
/** Checkpoints that were followed, to be known again. One that was forgotten is followed again. */
const MAX_SEEN = 100_000;

/**
 * Which checkpoints of a lineage are kept: the last ones of each namespace, and those that a kept one refers to. In memory are
 * where the last ones of each namespace begin, and the numbers of the older ones that are kept.
 */
export class KeptCheckpoints<V, Input> {
  readonly #records: CheckpointRecords<V, Input>;
  readonly #place: Place;
  readonly #rule: KeepRule;
  /** The kind with which the last ones begin, by the digest of the namespace; of those that have older ones. */
  readonly #firsts = new Map<string, string>();
  readonly #older = new Set<number>();
  readonly #seen = new Set<string>();
  #later: LaterPuts | undefined;

  constructor(records: CheckpointRecords<V, Input>, place: Place, rule: KeepRule) {
    this.#records = records;
    this.#place = place;
    this.#rule = rule;
  }

  /** Finds out what is kept of the lineage, whose next checkpoint has this number. CORRUPT. */
  async choose(next: number, options: CallOptions): Promise<void> {
    const { store } = this.#records;
    const { owner, lineage } = this.#place;
    const only = this.#rule.namespace === undefined ? undefined : digestOf(this.#rule.namespace);
    const namespaces: string[] = [];
    for await (const namespace of namespacesOf(store, owner, lineage, options)) {
      namespaces.push(namespace);
      const first =
        only === undefined || only === namespace ? await this.#firstKept(namespace, options) : undefined;
      if (first !== undefined) this.#firsts.set(namespace, first);
    }
    this.#later = new LaterPuts(store, owner, lineage, next, namespaces);
    if (this.#firsts.size === 0) return;
    for (const namespace of namespaces) await this.#followLast(namespace, options);
  }

  /** Keeps what checkpoints refer to that were put since: all before this number. CORRUPT. */
  async takeIn(next: number, options: CallOptions): Promise<void> {
    const put = (await this.#later?.before(next, options)) ?? [];
    if (this.#firsts.size > 0) await this.#visitAll(await referencesOf(put), options);
  }

  /**
   * The checkpoints that are not kept, so many at once, of each namespace the oldest first: one may have come to be kept since
   * it was read.
   */
  async *others(size: number, options: CallOptions): AsyncGenerator<RecordHeader[], void, undefined> {
    const { owner, lineage } = this.#place;
    let some: RecordHeader[] = [];
    for (const [namespace, before] of this.#firsts) {
      const prefix = `${checkpointsOf(lineage)}${namespace}/`;
      const pages = headersUnder(this.#records.store, owner, prefix, { ...options, before }, size);
      for await (const page of pages)
        for (const header of page) {
          if (this.has(header.kind)) continue;
          some.push(header);
          if (some.length < size) continue;
          yield some;
          some = [];
        }
    }
    if (some.length > 0) yield some;
  }

  has(kind: string): boolean {
    return this.#isLast(kind) || this.#older.has(numberOf(kind));
  }

  #isLast(kind: string): boolean {
    const first = this.#firsts.get(namespaceIn(kind));
    return first === undefined || kind >= first;
  }

  /** The kind with which the last ones of a namespace begin; `undefined` if there are no others. */
  async #firstKept(namespace: string, options: CallOptions): Promise<string | undefined> {
    const { owner, lineage } = this.#place;
    const prefix = `${checkpointsOf(lineage)}${namespace}/`;
    const size = Math.min(this.#rule.keep + 1, 1_000);
    let left = this.#rule.keep;
    let last: string | undefined;
    for await (const page of headersUnder(
      this.#records.store,
      owner,
      prefix,
      { ...options, reverse: true },
      size,
    )) {
      if (page.length > left) return left === 0 ? last : page[left - 1]?.kind;
      left -= page.length;
      last = page.at(-1)?.kind ?? last;
    }
    return undefined;
  }

  /** Follows what the last ones of a namespace refer to. */
  async #followLast(namespace: string, options: CallOptions): Promise<void> {
    const { owner, lineage } = this.#place;
    const from = this.#firsts.get(namespace);
    const range = { ...options, reverse: true, ...(from !== undefined && { from }) };
    const prefix = `${checkpointsOf(lineage)}${namespace}/`;
    const chains = new Chains();
    for await (const page of recordsUnder(this.#records.store, owner, prefix, range)) {
      const visits: Visit[] = [];
      for (const stored of page) visits.push(...(await chains.goOn(stored)));
      await this.#visitAll(visits, options);
    }
    await this.#visitAll(chains.left(), options);
  }

  async #visitAll(visits: Visit[], options: CallOptions): Promise<void> {
    while (visits.length > 0) {
      const some = visits.splice(-VISITS_AT_ONCE).filter((visit) => this.#isNew(visit));
      const found = await Promise.all(
        some.map(({ namespace, id }) => this.#records.find({ ...this.#place, namespace }, id, options)),
      );
      for (const [at, checkpoint] of found.entries())
        if (checkpoint !== undefined) visits.push(...this.#visit(checkpoint, some[at]?.until));
    }
  }

  /** Keeps this one. Returns what it refers to. */
  #visit({ place: { namespace }, id, number, record }: FoundCheckpoint, until: string | undefined): Visit[] {
    const { parent, parents = {}, dependsOn } = record;
    const isLast = this.#isLast(this.#records.cell({ ...this.#place, namespace }, number).kind);
    if (!isLast) this.#older.add(number);
    const goals = [until, ...(isLast ? [] : [dependsOn])].filter((goal) => goal !== undefined && goal !== id);
    const others = isLast ? [] : Object.entries(parents);
    return [
      ...others.map(([namespace, id]) => ({ namespace, id })),
      ...goals.flatMap((goal) =>
        parent === undefined || goal === undefined ? [] : [{ namespace, id: parent, until: goal }],
      ),
    ];
  }

  #isNew({ namespace, id, until }: Visit): boolean {
    const key = JSON.stringify([namespace, id, until]);
    if (this.#seen.has(key)) return false;
    if (this.#seen.size === MAX_SEEN) this.#seen.clear();
    this.#seen.add(key);
    return true;
  }
}

/**
 * The chains of ancestors that checkpoints of one namespace depend on, followed while the checkpoints are read from the newest
 * to the oldest: a parent mostly lies before its child.
 */
class Chains {
  /** The ids up to which a checkpoint's ancestors are kept, by the id of the checkpoint. */
  readonly #goals = new Map<string, Set<string>>();
  #namespace = "";

  /** Takes the next older one. Returns what it refers to in other namespaces. */
  async goOn(stored: StateRecord): Promise<Visit[]> {
    const { namespace, parent, parents = {}, dependsOn } = await decodeRecord(CHECKPOINT_CODEC, stored);
    this.#namespace = namespace;
    const id = idIn(stored.eventId);
    const goals = this.#goals.get(id) ?? new Set();
    this.#goals.delete(id);
    if (dependsOn !== undefined) goals.add(dependsOn);
    goals.delete(id);
    if (parent !== undefined && goals.size > 0) this.#add(parent, goals);
    return Object.entries(parents).map(([namespace, id]) => ({ namespace, id }));
  }

  /** The chains that go on before the oldest that was read. */
  left(): Visit[] {
    return [...this.#goals].flatMap(([id, goals]) =>
      [...goals].map((until) => ({ namespace: this.#namespace, id, until })),
    );
  }

  #add(parent: string, goals: Set<string>): void {
    const there = this.#goals.get(parent);
    if (there === undefined) this.#goals.set(parent, goals);
    else for (const goal of goals) there.add(goal);
  }
}

async function referencesOf(put: readonly StateRecord[]): Promise<Visit[]> {
  const visits: Visit[] = [];
  for (const stored of put) {
    const { namespace, parent, parents = {}, dependsOn } = await decodeRecord(CHECKPOINT_CODEC, stored);
    visits.push(...Object.entries(parents).map(([namespace, id]) => ({ namespace, id })));
    if (parent !== undefined && dependsOn !== undefined && dependsOn !== idIn(stored.eventId))
      visits.push({ namespace, id: parent, until: dependsOn });
  }
  return visits;
}
