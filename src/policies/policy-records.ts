import { isStateError } from "../contract/errors.js";
import type { EventId, Identity, StateRecord, StateStore } from "../contract/store.js";
import { cellKey, decodeRecord } from "../typed/cell.js";
import { findCell } from "../typed/cell-operations.js";
import { commitWithRetries } from "../typed/commit-with-retries.js";
import { Overtaken, untilNotOvertaken } from "../typed/compare-and-swap.js";
import { runExclusive } from "../typed/mutex.js";
import { mapInSlices } from "../typed/slices.js";
import { unlessDamaged } from "./damaged.js";
import type { PageOf, PolicyPage } from "./options.js";
import type { Policy } from "./policy.js";
import {
  currentCell,
  INDEX_PREFIX,
  indexCell,
  isEntryOf,
  POLICY_CODEC,
  policyOf,
  readEntry,
  requirePlace,
  versionCell,
  versionOf,
  versionsPrefix,
} from "./stored-policy.js";

type Signal = AbortSignal | undefined;

const PAGE = 500;
const MAX_ATTEMPTS = 100;

interface CurrentPolicy {
  readonly eventId: EventId | null;
  /** Their kinds. */
  readonly entries: readonly string[];
}

/** The policies of a tenant as they are stored: the current one, its versions, and its entry in the tenant's list. */
export class PolicyRecords {
  readonly #store: StateStore;

  constructor(store: StateStore) {
    this.#store = store;
  }

  /** The last version, or the one of this number. CORRUPT. */
  async find(
    owner: Identity,
    name: string,
    version: number | undefined,
    signal: Signal,
  ): Promise<Policy | undefined> {
    const cell = version === undefined ? currentCell(owner, name) : versionCell(owner, name, version);
    const found = await findCell(this.#store, cell, { signal });
    return found && policyOf(requirePlace(cell, found.value, name, version));
  }

  /** CORRUPT. */
  list(owner: Identity, range: PageOf): Promise<PolicyPage> {
    return this.#page(owner, range, async (record) => {
      const { name, createdAt } = await readEntry(record);
      const policy = await this.find(owner, name, undefined, range.signal);
      // Its deletion was seen half, or it was made again since.
      return policy?.createdAt.getTime() === createdAt ? policy : undefined;
    });
  }

  /** CORRUPT. */
  versions(owner: Identity, name: string, range: PageOf): Promise<PolicyPage> {
    return this.#page(owner, range, async (record) =>
      policyOf(requirePlace(record, await decodeRecord(POLICY_CODEC, record), name, versionOf(record.kind))),
    );
  }

  /** Returns whether there was one, damaged or not. UNAVAILABLE (`busy`) if other processes put it all the time. */
  delete(owner: Identity, name: string, signal: Signal): Promise<boolean> {
    const cell = currentCell(owner, name);
    const { identity, kind } = cell;
    // Puts of this process wait.
    return runExclusive(this.#store, cellKey(cell), signal, () =>
      untilNotOvertaken({ signal, attempts: MAX_ATTEMPTS }, async () => {
        const { eventId, entries } = await this.#current(owner, name, signal);
        const changes = [
          { op: "delete", identity, kind, expect: eventId },
          { op: "erase", identity, prefix: versionsPrefix(name), ownState: true },
          ...entries.map((entry) => ({ op: "delete", identity, kind: entry }) as const),
        ] as const;
        try {
          await commitWithRetries(this.#store, changes, { signal, repeatable: true });
          return eventId !== null;
        } catch (error) {
          if (isStateError(error, "CONDITION_FAILED")) return new Overtaken(error);
          throw error;
        }
      }),
    );
  }

  /** The event of the current version, and its entries in the list: of a policy that cannot be read they are looked for. */
  async #current(owner: Identity, name: string, signal: Signal): Promise<CurrentPolicy> {
    const cell = currentCell(owner, name);
    const found = await unlessDamaged(() => findCell(this.#store, cell, { signal }));
    if (found !== undefined && found !== "damaged" && found.value.name === name)
      return { eventId: found.eventId, entries: [indexCell(owner, found.value).kind] };
    const { identity, kind } = cell;
    // Whatever it holds: the payload is not read.
    const [header] = await this.#store.list(identity, kind, { from: kind, limit: 1, signal, bytes: false });
    return { eventId: header?.eventId ?? null, entries: await this.#entriesOf(owner, name, signal) };
  }

  async #page(
    owner: Identity,
    { prefix, limit, before, signal }: PageOf,
    read: (record: StateRecord) => Promise<Policy | undefined>,
  ): Promise<PolicyPage> {
    const records = await this.#store.list(owner, prefix, {
      ...before,
      limit: limit + 1,
      signal,
      reverse: true,
    });
    const page = records.slice(0, limit);
    const policies = (await mapInSlices(page, read)).filter((policy) => policy !== undefined);
    const last = records.length > limit ? page.at(-1) : undefined;
    return { policies, ...(last && { next: last.kind.slice(prefix.length) }) };
  }

  async #entriesOf(owner: Identity, name: string, signal: Signal): Promise<string[]> {
    const entries: string[] = [];
    for (let from: { readonly after?: string } = {}; ; ) {
      const page = await this.#store.list(owner, INDEX_PREFIX, {
        ...from,
        limit: PAGE,
        signal,
        bytes: false,
      });
      entries.push(...page.map(({ kind }) => kind).filter((kind) => isEntryOf(kind, name)));
      if (page.length < PAGE) return entries;
      from = { after: page.at(-1)?.kind as string };
    }
  }
}
