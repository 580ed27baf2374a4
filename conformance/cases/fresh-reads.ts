import assert from "node:assert/strict";
import { setTimeout as sleep, setImmediate as turn } from "node:timers/promises";
import type { Change, NewRecord, StateStore } from "../../src/index.js";
import type { CaseContext, ConformanceCase } from "../harness/case.js";
import { WAYS_TO_READ } from "../harness/every-read.js";

/** Every way to read, after every way to write, by the store that wrote and by another one. */
export const freshReadCases: readonly ConformanceCase[] = [
  {
    id: "stores/every-read-after-every-write",
    rule: "What a store acknowledged shows at once in every read of every store of its space, whatever they had read just before.",
    needs: "durable",
    scans: "tenant",
    async run(context) {
      const stores = [context.store, await context.open()];
      const world = new World(context);
      for (const [how, write] of Object.entries(WRITES))
        for (const [index, store] of stores.entries()) {
          await write(store, world);
          await assertShown(stores.toSpliced(index, 1), world, `by another store, right after ${how}`);
          await assertShown(stores, world, `by each store, after ${how}`);
        }
    },
  },
  {
    id: "concurrency/reads-begun-before",
    rule: "A read that began before a write leaves nothing behind that shows in reads which begin after it.",
    scans: "tenant",
    async run(context) {
      const world = new World(context);
      const { store } = context;
      for (const [how, write] of Object.entries(WRITES))
        for (const { when, pause, looks } of MOMENTS) {
          // So that no cache has an answer to what is asked now.
          const place = world.saved("kind/a");
          await store.save(place);
          const early = Promise.allSettled(WAYS_TO_READ.map((way) => way.ask(store, place)));
          await pause();
          await write(store, world);
          // What these reads find may cover up what the earlier ones leave behind.
          if (looks) await assertShown([store], world, `right after ${how}, ${when} behind the same read`);
          await early;
          await assertShown([store], world, `once reads are over that began ${when} before ${how}`);
        }
    },
  },
];

/** How long after a read a write begins, since each step of the read may lie in front of it or behind; and who looks at once. */
const MOMENTS: readonly { when: string; pause: () => Promise<unknown>; looks: boolean }[] = [
  ...[0, 1, 2, 3].map((count) => ({
    when: `${count} turns`,
    pause: () => turns(count),
    looks: count % 2 === 0,
  })),
  { when: "a millisecond", pause: () => sleep(1), looks: true },
  { when: "3 ms", pause: () => sleep(3), looks: false },
];

async function turns(count: number): Promise<void> {
  for (let left = count; left > 0; left--) await turn();
}

/** The records of a tenant, as they have to be. */
class World {
  readonly owner;
  readonly #record;
  current: NewRecord[] = [];

  constructor({ identity, record }: CaseContext) {
    this.owner = identity();
    this.#record = record;
  }

  /** A new record of a kind, which takes the place of the one before. */
  saved(kind: string, fields: Partial<NewRecord["identity"]> = {}): NewRecord {
    const record = this.#record({ ...this.owner, ...fields }, kind);
    this.removed((at) => at.kind === kind && isOfOne(at, record));
    this.current.push(record);
    return record;
  }

  removed(isRemoved: (record: NewRecord) => boolean): number {
    const { length } = this.current;
    this.current = this.current.filter((record) => !isRemoved(record));
    return length - this.current.length;
  }
}

const WRITES: Readonly<Record<string, (store: StateStore, world: World) => Promise<unknown>>> = {
  "a save": (store, world) => store.save(world.saved("kind/a")),
  "an overwrite": (store, world) => store.save(world.saved("kind/a")),
  "a commit": (store, world) => {
    const saves = [
      world.saved("kind/a"),
      world.saved("kind/b"),
      world.saved("kind/a", { session: "another" }),
      world.saved("kind/a", { user: "another" }),
    ];
    return store.commit(saves.map((record): Change => ({ op: "save", record })));
  },
  "a delete": (store, world) => {
    world.removed((record) => record.kind === "kind/a" && isOfOne(record, world));
    return store.delete(world.owner, "kind/a");
  },
  "an erase by prefix": async (store, world) => {
    const removed = world.removed((record) => isOfOne(record, world));
    assert.equal(await store.erase(world.owner, { prefix: "kind" }), removed, "records erased by prefix");
  },
  "a save into what was erased": (store, world) => store.save(world.saved("kind/b")),
  "an erase in a commit": (store, world) => {
    world.removed((record) => isOfOne(record, world));
    const saved = world.saved("kind/c", { session: "another" });
    return store.commit([
      { op: "erase", identity: world.owner },
      { op: "save", record: saved },
    ]);
  },
  "an erase of another session": async (store, world) => {
    const identity = { ...world.owner, session: "another" };
    const removed = world.removed((record) => isOfOne(record, { identity }));
    assert.equal(await store.erase(identity), removed, "records erased");
  },
};

function isOfOne({ identity: at }: NewRecord, of: World | Pick<NewRecord, "identity">): boolean {
  const { user, session } = of instanceof World ? of.owner : of.identity;
  return at.user === user && at.session === session;
}

/** All ways at once, so that none gives time to another. */
async function assertShown(stores: readonly StateStore[], world: World, when: string): Promise<void> {
  const place = placeIn(world);
  const asked = stores.flatMap((store) =>
    WAYS_TO_READ.map(async (way) => {
      const shown = await way.ask(store, place);
      assert.deepEqual(shown, way.expected(world.current, place), `${way.name} ${when}`);
    }),
  );
  await Promise.all(asked);
}

function placeIn(world: World): NewRecord {
  const nowhere = { eventId: "none", identity: world.owner, kind: "kind/a", bytes: new Uint8Array() };
  return world.current.find((record) => isOfOne(record, world)) ?? nowhere;
}
