import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { openMemory } from "../../drivers/memory/index.js";
import { createStore, type StateStore } from "../../src/index.js";
import { createSessions } from "../../src/sessions/index.js";
import { decodeRecord } from "../../src/typed/cell.js";
import { type Codec, Collection, Journal, json, TypedSlot } from "../../src/typed/index.js";
import { newSession } from "./stores.js";

/** A JSON codec that counts how many values are decoded in each turn of the event loop. */
class CountingCodec implements Codec<unknown> {
  readonly version = 0;
  readonly turns = new Map<number, number>();
  readonly #json = json<unknown>();
  #turn = 0;
  #isOver = false;

  constructor() {
    const count = () => {
      this.#turn++;
      if (!this.#isOver) setImmediate(count);
    };
    count();
  }

  encode(value: unknown) {
    return this.#json.encode(value);
  }

  decode(bytes: Uint8Array, version: number) {
    this.turns.set(this.#turn, (this.turns.get(this.#turn) ?? 0) + 1);
    return this.#json.decode(bytes, version);
  }

  /** Counts the values decoded from now on: all, and the most in one turn. */
  async during(work: () => Promise<unknown>): Promise<{ all: number; most: number }> {
    this.turns.clear();
    await work();
    const counts = [...this.turns.values()];
    return { all: counts.reduce((sum, count) => sum + count, 0), most: Math.max(...counts) };
  }

  stop(): void {
    this.#isOver = true;
  }
}

describe("no more than a few hundred values are decoded in one turn of the event loop", () => {
  const codec = new CountingCodec();
  const who = newSession();
  let store: StateStore;
  beforeAll(async () => {
    store = createStore(await openMemory());
  });
  afterAll(() => codec.stop());

  test("of a collection", async () => {
    const items = new Collection(store, "items", { codec });
    await Promise.all(Array.from({ length: 1000 }, (_, id) => items.put(who, `${id}`, { id })));
    const { all, most } = await codec.during(() => items.list(who));
    expect(all).toBe(1000);
    expect(most).toBeLessThanOrEqual(256);
  });

  test("of a journal", async () => {
    const journal = new Journal(store, "journal", { codec });
    for (let at = 0; at < 1000; at += 200)
      await journal.append(
        who,
        Array.from({ length: 200 }, (_, n) => ({ value: at + n })),
      );
    const { all, most } = await codec.during(() => journal.read(who));
    expect(all).toBe(1000);
    expect(most).toBeLessThanOrEqual(256);
  });

  test("of metadata in a list of sessions", async () => {
    const sessions = createSessions(store, { metadata: codec });
    const user = { tenant: who.tenant, user: "many" };
    await Promise.all(
      Array.from({ length: 600 }, (_, n) =>
        sessions.create({ ...user, session: `${n}` }, { metadata: { n } }),
      ),
    );
    const { all, most } = await codec.during(() => sessions.list(user, { limit: 600 }));
    expect(all).toBe(600);
    expect(most).toBeLessThanOrEqual(256);
  });
});

test("large values that are there at once are decoded in slices, and not all in one turn", async () => {
  const store = createStore(await openMemory());
  const who = newSession();
  const inner = json<unknown>();
  const slot = new TypedSlot(store, "slot", { codec: inner });
  await slot.set(who, "x".repeat(100_000));
  const record = await store.load(who, "slot");
  let decoded = 0;
  let asked = 0;
  const slow: Codec<unknown> = {
    ...inner,
    decode(bytes, version) {
      decoded++;
      // As long as some slices.
      for (const until = performance.now() + 10; performance.now() < until; );
      return inner.decode(bytes, version);
    },
  };
  const turns = new Set<number>();
  const work = Array.from({ length: 10 }, async () => {
    await decodeRecord(slow, record);
    turns.add(asked);
  });
  const look = () => {
    asked++;
    if (decoded < 10) setImmediate(look);
  };
  setImmediate(look);
  await Promise.all(work);
  expect(turns.size).toBeGreaterThan(5);
});
