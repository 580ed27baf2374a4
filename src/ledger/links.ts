import type { Identity, StateStore } from "../contract/store.js";
import { mappedJson } from "../typed/codec.js";
import { Collection, type Item } from "../typed/collection.js";
import { digestOf } from "../typed/names.js";
import { readObject } from "../validation/validate.js";
import { type LedgerCells, ownerOfEntries } from "./cells.js";
import { readLabel } from "./entry.js";
import { timeKeyOfEntry } from "./entry-id.js";
import type { Marker } from "./markers.js";
import { transactWrites } from "./transact-writes.js";
import type { WriteSet } from "./write-set.js";

type Signal = AbortSignal | undefined;
type Owner = Pick<Identity, "tenant" | "user">;

interface OwnersOfLinks {
  readonly from: Owner;
  readonly to: Owner;
}

/** A further id of an entry: the same call was sent again with another id. */
interface Link {
  /** The digest of the session that sent the call again, if it is not the entry's session. */
  readonly by?: string;
}

const LINK_CODEC = mappedJson<Link>({
  write: (link) => ({ ...link }),
  read(value) {
    const { by } = readObject(value, "link") as Record<string, unknown>;
    return by === undefined ? {} : { by: readLabel(by, "by") };
  },
});

/** The other changes of a commit are for what is written with each link. */
export const LINKS_PER_COMMIT = 60;

/**
 * The further ids of entries, with a record for each: under the entry and, if another session sent the call again, under
 * that session too. So either can be forgotten, and no record grows with the number of ids.
 */
export class Links {
  readonly #store: StateStore;
  readonly #cells: LedgerCells;
  readonly #links: Collection<Link>;

  constructor(store: StateStore, cells: LedgerCells) {
    this.#store = store;
    this.#cells = cells;
    this.#links = new Collection(store, "ledger.also", { codec: LINK_CODEC });
  }

  /** Links the marker `hash` of a call that a session sent again to its entry, which may be another session's. */
  add(
    writes: WriteSet,
    { tenant, user, session }: Identity,
    entry: { id: string; session: string },
    hash: string,
  ) {
    const identity = ownerOfEntries({ tenant, user });
    const by = session === entry.session ? undefined : digestOf(session);
    writes.put(this.#links.at(identity, entryLink(entry.id, hash)), by === undefined ? {} : { by });
    if (by !== undefined) writes.put(this.#links.at(identity, sessionLink(by, entry.id, hash)), {});
  }

  /** Removes some of an entry's links. Returns the hashes of their markers. */
  async removeSome(writes: WriteSet, owner: Owner, entry: string, signal: Signal): Promise<string[]> {
    const identity = ownerOfEntries(owner);
    const prefix = entryLink(entry, "");
    const page = await this.#links.keys(identity, { prefix, limit: LINKS_PER_COMMIT, signal });
    for (const { id } of page) {
      const cell = this.#links.at(identity, id);
      const by = (await writes.get(cell))?.by;
      writes.remove(cell);
      if (by !== undefined) writes.remove(this.#links.at(identity, sessionLink(by, entry, markerOf(id))));
    }
    return page.map(({ id }) => markerOf(id));
  }

  /** The ids of some of an entry's links. */
  async of(owner: Owner, entry: string, limit: number, signal: Signal): Promise<string[]> {
    const page = await this.#links.keys(ownerOfEntries(owner), {
      prefix: entryLink(entry, ""),
      limit,
      signal,
    });
    return page.map(({ id }) => id);
  }

  /** Moves a link of an entry to another user. Returns the hash of its marker; `undefined` if it is gone. */
  async move(writes: WriteSet, { from, to }: OwnersOfLinks, link: string): Promise<string | undefined> {
    const [source, target] = [ownerOfEntries(from), ownerOfEntries(to)];
    const found = await writes.get(this.#links.at(source, link));
    if (found === undefined) return undefined;
    writes.remove(this.#links.at(source, link));
    writes.put(this.#links.at(target, link), found);
    const [, time, hash = ""] = link.split("/");
    if (found.by === undefined) return hash;
    const bySession = `session/${found.by}/${time}/${hash}`;
    writes.remove(this.#links.at(source, bySession));
    writes.put(this.#links.at(target, bySession), {});
    return hash;
  }

  /** Removes the links and digests of calls that a session sent again and another session had recorded. */
  async forgetSession(owner: Identity, signal: Signal): Promise<void> {
    const identity = ownerOfEntries(owner);
    const prefix = `session/${digestOf(owner.session)}/`;
    for (;;) {
      const page = await this.#links.keys(identity, { prefix, limit: LINKS_PER_COMMIT, signal });
      if (page.length === 0) return;
      await transactWrites(
        this.#store,
        async (writes) => {
          for (const { id } of page) {
            const hash = markerOf(id);
            const marker = this.#cells.markers.at(identity, hash);
            const found = await writes.get(marker);
            if (found !== undefined) writes.put(marker, { entry: found.entry });
            const link = this.#links.at(identity, `entry/${id.slice(prefix.length)}`);
            if ((await writes.get(link)) !== undefined) writes.put(link, {});
            writes.remove(this.#links.at(identity, id));
          }
        },
        signal,
      );
    }
  }

  /**
   * Removes the links and markers of a user whose entries are gone. Those of calls that are recorded meanwhile stay, so
   * that such a call counts once if it is sent again.
   */
  async removeLeftovers(owner: Owner, signal: Signal): Promise<void> {
    const timeOfLink = ({ id }: Pick<Item<Link>, "id">) => id.split("/").at(-2) as string;
    await this.#removeOrphans(this.#links, owner, timeOfLink, signal);
    const timeOfMarker = ({ value }: Pick<Item<Marker>, "value">) => timeKeyOfEntry(value.entry);
    await this.#removeOrphans(this.#cells.markers, owner, timeOfMarker, signal);
  }

  async #removeOrphans<T>(
    all: Collection<T>,
    owner: Owner,
    timeOf: (item: Pick<Item<T>, "id" | "value">) => string,
    signal: Signal,
  ): Promise<void> {
    const identity = ownerOfEntries(owner);
    for (let after: { after?: string } = {}; ; ) {
      const page = await all.keys(identity, { ...after, limit: LINKS_PER_COMMIT, signal });
      await transactWrites(
        this.#store,
        async (writes) => {
          for (const { id } of page) {
            const cell = all.at(identity, id);
            const value = await writes.get(cell);
            if (value === undefined) continue;
            const time = this.#cells.times.at(identity, timeOf({ id, value }));
            if ((await writes.get(time)) === undefined) writes.remove(cell);
          }
        },
        signal,
      );
      const last = page.at(-1);
      if (last === undefined || page.length < LINKS_PER_COMMIT) return;
      after = { after: last.id };
    }
  }
}

function entryLink(entry: string, hash: string): string {
  return `entry/${timeKeyOfEntry(entry)}/${hash}`;
}

function sessionLink(by: string, entry: string, hash: string): string {
  return `session/${by}/${timeKeyOfEntry(entry)}/${hash}`;
}

function markerOf(link: string): string {
  return link.slice(link.lastIndexOf("/") + 1);
}
