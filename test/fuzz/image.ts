import { copyFileSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { openSqlite } from "../../drivers/sqlite/index.js";
import type { Change, Identity, NewRecord, StateRecord, StateStore } from "../../src/contract/store.js";
import { userIdentity } from "../../src/identity/identity.js";
import { slotKey } from "../../src/rules/slot-key.js";
import { createStore } from "../../src/store/driver-store.js";
import { slotAt } from "./population.js";

/** The files of one database; those that are left out are not there. */
export interface Files {
  readonly database: Buffer;
  readonly log?: Buffer;
  readonly shared?: Buffer;
  readonly journal?: Buffer;
}

/** What is stored at one moment, by slot. */
export type State = ReadonlyMap<string, StateRecord>;

export interface Image {
  readonly files: Files;
  /** What was acknowledged: as it is in the database alone, and then after each commit in the log. */
  readonly states: readonly State[];
}

/** One database with all of it in the file, one with its end in the log, and another that shares no tenant with them. */
export interface Images {
  readonly inFile: Image;
  readonly inLog: Image;
  readonly other: Image;
}

/** What scans across identities ask for. */
export const SCANNED = "note/";

const KINDS = ["a", "b", "note/1", "note/2", "note/3", "note/\u{1F600}", "z"];
/** Of payloads: some need pages of their own. */
const SIZES = [0, 20, 90, 300, 1_000, 40, 9_000, 150, 5];
const COMMITS_IN_THE_LOG = 24;

export async function makeImages(): Promise<Images> {
  return {
    inFile: await makeImage("one", "in the file"),
    inLog: await makeImage("one", "in the log"),
    other: await makeImage("other", "in the log"),
  };
}

/**
 * A database of three tenants named after `name`, a few hundred records on several levels of pages, all of it in the
 * file or the last commits in the log.
 */
async function makeImage(name: string, end: "in the file" | "in the log"): Promise<Image> {
  const folder = mkdtempSync(join(tmpdir(), "groundstate-image-"));
  const path = join(folder, "state.db");
  try {
    const config = { path, thread: "inline", durability: "process" } as const;
    const history = new History(name);
    const before = createStore(await openSqlite(config));
    await history.begin(before);
    await before.close();
    if (end === "in the file")
      return { files: { database: readFileSync(path) }, states: history.states.slice(-1) };

    const store = createStore(await openSqlite(config));
    history.states.splice(0, history.states.length - 1);
    for (let number = 0; number < COMMITS_IN_THE_LOG; number++) await history.goOn(store, number);
    // While it is open, for closing it moves the log into the file.
    for (const suffix of ["", "-wal"]) copyFileSync(`${path}${suffix}`, `${path}.kept${suffix}`);
    await store.close();
    const files = { database: readFileSync(`${path}.kept`), log: readFileSync(`${path}.kept-wal`) };
    return { files, states: history.states };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** What a store went through, commit by commit. */
class History {
  readonly states: State[] = [new Map()];
  readonly #identities: readonly Identity[];
  #made = 0;

  constructor(name: string) {
    this.#identities = ["acme", "globex", "initech"].flatMap((tenant) => [
      ...["ann", "bob"].flatMap((user) => [
        { tenant: `${tenant}-${name}`, user, session: "s1" },
        { tenant: `${tenant}-${name}`, user, session: "s1", run: "r1" },
        { tenant: `${tenant}-${name}`, user, session: "s2" },
      ]),
      userIdentity(`${tenant}-${name}`, "ann"),
    ]);
  }

  async begin(store: StateStore): Promise<void> {
    for (const identity of this.#identities) {
      await this.#commit(
        store,
        KINDS.map((kind) => this.#save(identity, kind)),
      );
      await this.#commit(store, [this.#save(identity, "note/2"), this.#delete(identity, "b")]);
    }
  }

  /** One commit more: a save, several at once, a delete or an erase. */
  async goOn(store: StateStore, number: number): Promise<void> {
    const identity = this.#identities[(number * 5) % this.#identities.length] as Identity;
    const kind = KINDS[number % KINDS.length] as string;
    if (number % 12 === 11) return this.#erase(store, identity);
    if (number % 4 === 2)
      return this.#commit(
        store,
        KINDS.map((kind) => this.#save(identity, kind)),
      );
    if (number % 4 === 3)
      return this.#commit(store, [this.#delete(identity, "note/2"), this.#save(identity, "c")]);
    await this.#commit(store, [this.#save(identity, kind)]);
  }

  #save(identity: Identity, kind: string): Change {
    const number = ++this.#made;
    const size = SIZES[number % SIZES.length] as number;
    const bytes = Buffer.alloc(size, `${number} is what was saved. `);
    const record = {
      eventId: `event-${number}`,
      identity,
      kind,
      bytes,
      version: number,
      updatedAt: new Date(number),
    };
    return { op: "save", record };
  }

  #delete(identity: Identity, kind: string): Change {
    return { op: "delete", identity, kind };
  }

  async #commit(store: StateStore, changes: readonly Change[]): Promise<void> {
    await store.commit(changes);
    const state = new Map(this.states.at(-1));
    for (const change of changes) {
      if (change.op === "save") state.set(keyOf(change.record), recordOf(change.record));
      if (change.op === "delete") state.delete(keyOf(change));
    }
    this.states.push(state);
  }

  async #erase(store: StateStore, { tenant, user, session }: Identity): Promise<void> {
    if (session === "~") return;
    await store.erase({ tenant, user, session });
    const entries = [...(this.states.at(-1) as State)];
    const left = entries.filter(
      ([, { identity: of }]) => of.tenant !== tenant || of.user !== user || of.session !== session,
    );
    this.states.push(new Map(left));
  }
}

export function keyOf({ identity, kind }: Pick<StateRecord, "identity" | "kind">): string {
  return slotKey(slotAt(identity, kind));
}

function recordOf({ eventId, identity, kind, bytes, version = 0, updatedAt }: NewRecord): StateRecord {
  return { eventId, identity, kind, bytes: new Uint8Array(bytes), version, updatedAt: updatedAt as Date };
}
