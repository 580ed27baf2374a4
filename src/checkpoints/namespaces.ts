import { recordsUnder } from "../content/paging.js";
import type { CallOptions, SessionIdentity, StateRecord, StateStore } from "../contract/store.js";
import { decodeRecord } from "../typed/cell.js";
import { CHECKPOINT_CODEC } from "./checkpoint-record.js";
import { checkpointKindIn, checkpointsOf, endOfNamespace, namespaceIn, numberOf } from "./kinds.js";

const AT_ONCE = 16;

/** The digests of the namespaces of a lineage: one read for each, however many checkpoints it has. */
export async function* namespacesOf(
  store: StateStore,
  owner: SessionIdentity,
  lineage: string,
  options: CallOptions,
): AsyncGenerator<string, void, undefined> {
  const first = { ...options, limit: 1, bytes: false } as const;
  const prefix = checkpointsOf(lineage);
  for await (const { kind } of eachFirst(prefix, (after) => store.list(owner, prefix, { ...first, after })))
    yield namespaceIn(kind);
}

/** The names of the namespaces of a lineage that have checkpoints, by the same reads. CORRUPT. */
export async function namesOfNamespaces(
  store: StateStore,
  owner: SessionIdentity,
  lineage: string,
  options: CallOptions,
): Promise<string[]> {
  const names: string[] = [];
  const prefix = checkpointsOf(lineage);
  const firsts = eachFirst(prefix, (after) => store.list(owner, prefix, { ...options, limit: 1, after }));
  for await (const record of firsts) names.push((await decodeRecord(CHECKPOINT_CODEC, record)).namespace);
  return names;
}

/** The first checkpoint of each namespace. */
async function* eachFirst<R extends Pick<StateRecord, "kind">>(
  prefix: string,
  read: (after: string) => Promise<R[]>,
): AsyncGenerator<R, void, undefined> {
  for (let after = prefix; ; ) {
    const [next] = await read(after);
    if (next === undefined) return;
    yield next;
    after = endOfNamespace(next.kind);
  }
}

/**
 * What is put to a lineage while a call goes on. A put takes the next number of its lineage, so it is known how many there
 * are to find; mostly they are in the namespaces where the last ones were.
 */
export class LaterPuts {
  readonly #store: StateStore;
  readonly #owner: SessionIdentity;
  readonly #lineage: string;
  #next: number;
  /** The digests of all namespaces, those of the last puts first. */
  #namespaces: string[];

  /** `next` is the number of the next checkpoint as it was before the namespaces were read. */
  constructor(
    store: StateStore,
    owner: SessionIdentity,
    lineage: string,
    next: number,
    namespaces: readonly string[],
  ) {
    this.#store = store;
    this.#owner = owner;
    this.#lineage = lineage;
    this.#next = next;
    this.#namespaces = [...namespaces];
  }

  /** The checkpoints that were put before this number and have not been returned yet, as far as they still exist. */
  async before(next: number, options: CallOptions): Promise<StateRecord[]> {
    const wanted = Math.max(0, next - this.#next);
    const found: StateRecord[] = [];
    for (let at = 0; at < this.#namespaces.length && found.length < wanted; at += AT_ONCE)
      found.push(...(await this.#of(this.#namespaces.slice(at, at + AT_ONCE), next, options)));
    if (found.length < wanted) {
      const known = new Set(this.#namespaces);
      for await (const namespace of namespacesOf(this.#store, this.#owner, this.#lineage, options))
        if (!known.has(namespace)) found.push(...(await this.#of([namespace], next, options)));
    }
    const recent = new Set(found.map(({ kind }) => namespaceIn(kind)));
    this.#namespaces = [...recent, ...this.#namespaces.filter((namespace) => !recent.has(namespace))];
    this.#next = Math.max(next, this.#next);
    return found;
  }

  async #of(namespaces: readonly string[], next: number, options: CallOptions): Promise<StateRecord[]> {
    const found = await Promise.all(
      namespaces.map(async (namespace) => {
        const from = checkpointKindIn(this.#lineage, namespace, this.#next);
        const records: StateRecord[] = [];
        const prefix = `${checkpointsOf(this.#lineage)}${namespace}/`;
        for await (const page of recordsUnder(this.#store, this.#owner, prefix, { ...options, from }))
          records.push(...page.filter(({ kind }) => numberOf(kind) < next));
        return records;
      }),
    );
    return found.flat();
  }
}
