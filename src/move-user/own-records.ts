import { headersUnder } from "../content/paging.js";
import type { Change, Identity, RecordHeader, StateStore } from "../contract/store.js";
import { userIdentity } from "../identity/identity.js";
import { commitWithRetries } from "../typed/commit-with-retries.js";
import { movedEventId } from "../typed/moving/moved-record.js";
import type { UserMove } from "../typed/moving/user-data.js";
import { bothHaveRecords } from "./errors.js";
import { MARK } from "./mark.js";
import { MOST_BYTES, MOST_RECORDS } from "./session-pages.js";

type Signal = AbortSignal | undefined;

/** What happens where both users have a record of one kind. */
export type WhereBoth = "refuse" | "keep-target";

const MAX_NAMED = 10;
/** What was allowed for good means the same for both, so where both have it, one is enough. */
const MERGED = ["policy.grant/"];

/** The records under the user's own identity, without those that a sort of data moves itself. */
export class OwnRecords {
  readonly #store: StateStore;
  readonly #from: Identity;
  readonly #to: Identity;
  readonly #left: readonly string[];
  readonly #signal: Signal;

  constructor(store: StateStore, { tenant, from, to }: UserMove, left: readonly string[], signal: Signal) {
    this.#store = store;
    this.#from = userIdentity(tenant, from);
    this.#to = userIdentity(tenant, to);
    this.#left = left;
    this.#signal = signal;
  }

  /** Refuses kinds that both users have. MOVE_CONFLICT. */
  async refuseBoth(): Promise<void> {
    const both: string[] = [];
    for await (const page of this.#pages()) {
      const there = await this.#there(page);
      const kinds = page
        .map(({ kind }) => kind)
        .filter((kind) => !MERGED.some((each) => kind.startsWith(each)));
      both.push(...kinds.filter((kind) => there.has(kind)).slice(0, MAX_NAMED - both.length));
      if (both.length === MAX_NAMED) break;
    }
    if (both.length > 0) throw bothHaveRecords(both);
  }

  /** Moves them. Where the other user has one of the kind, that stays, and this one is removed. Returns how many moved. */
  async move(): Promise<number> {
    let moved = 0;
    for await (const page of this.#pages()) {
      const there = await this.#there(page);
      let changes: Change[] = [];
      let bytes = 0;
      const commit = async () => {
        if (changes.length > 0)
          await commitWithRetries(this.#store, changes, { signal: this.#signal, repeatable: true });
        [changes, bytes] = [[], 0];
      };
      for (const { kind } of page) {
        const record = await this.#store.find(this.#from, kind, { signal: this.#signal });
        if (record === undefined) continue;
        if (changes.length >= MOST_RECORDS || bytes + record.bytes.byteLength > MOST_BYTES) await commit();
        changes.push({ op: "delete", identity: this.#from, kind, expect: record.eventId });
        if (there.has(kind)) continue;
        bytes += record.bytes.byteLength;
        moved++;
        const saved = { ...record, identity: this.#to, eventId: movedEventId(record, this.#to) };
        changes.push({ op: "save", record: saved, expect: null });
      }
      await commit();
    }
    return moved;
  }

  async *#pages(): AsyncGenerator<readonly RecordHeader[]> {
    for await (const page of headersUnder(this.#store, this.#from, "", { signal: this.#signal }))
      yield page.filter(({ kind }) => kind !== MARK && !this.#left.some((prefix) => kind.startsWith(prefix)));
  }

  /** Which of these kinds the other user has. */
  async #there(page: readonly RecordHeader[]): Promise<Set<string>> {
    const found = await Promise.all(
      page.map(async ({ kind }) => {
        const [first] = await this.#store.list(this.#to, kind, {
          limit: 1,
          bytes: false,
          signal: this.#signal,
        });
        return first?.kind === kind ? [kind] : [];
      }),
    );
    return new Set(found.flat());
  }
}
