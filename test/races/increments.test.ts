import { beforeAll, expect, test } from "vitest";
import type { SessionIdentity } from "../../src/index.js";
import { soak } from "../soak.js";
import { inProcesses } from "../typed/processes.js";
import { newSession, onSharedStores, type TestStore } from "../typed/stores.js";

/** What a process was told by a counter. */
interface Told {
  /** Which event took it to which value. */
  readonly counted: readonly (readonly [eventId: string, value: number])[];
  readonly refused: number;
  /** Of the increments that it sent once more, those that were recognised, and all. */
  readonly recognised: readonly [duplicates: number, retries: number];
}

type Way = "save" | "commitOfTwo" | "careless";

/** Processes that count at the same time, first one way, then another; each way begins when all of them are there. */
const COUNTING = `
  import { setTimeout } from "node:timers/promises";
  import { isStateError, newEventId } from "groundstate";
  const { identity, each, processes } = args;
  const find = async (kind) => {
    const record = await store.find(identity, kind);
    return { expect: record?.eventId ?? null, value: record ? Number(Buffer.from(record.bytes)) : 0 };
  };
  const next = (kind, { value }) =>
    ({ eventId: newEventId(), identity, kind, bytes: Buffer.from(String(value + 1)) });

  // Each reads, and says what it is going to count and how.
  const ways = {
    async save() {
      const { expect, value } = await find("save");
      const record = next("save", { value });
      return { record, value, send: () => store.save(record, { expect }) };
    },
    // Read at two moments, and so not always at the same value: then the commit is refused.
    async commitOfTwo() {
      const [left, right] = [await find("commitOfTwo"), await find("other")];
      const [record, other] = [next("commitOfTwo", left), next("other", right)];
      const changes = [
        { op: "save", record, expect: left.expect },
        { op: "save", record: other, expect: right.expect },
      ];
      return { record, value: left.value, send: () => store.commit(changes) };
    },
    async careless() {
      const { value } = await find("careless");
      const record = next("careless", { value });
      return { record, value, send: () => store.save(record) };
    },
  };

  const told = {};
  for (const [way, attempt] of Object.entries(ways)) {
    await store.save({ eventId: newEventId(), identity, kind: "at " + way + "/" + me, bytes: Buffer.alloc(0) });
    while ((await store.list(identity, "at " + way)).length < processes) await setTimeout(1);
    const counted = [];
    const recognised = [0, 0];
    let refused = 0;
    while (counted.length < each) {
      const { record, value, send } = await attempt();
      try {
        await send();
      } catch (error) {
        if (!isStateError(error, "CONDITION_FAILED")) throw error;
        refused++;
        continue;
      }
      counted.push([record.eventId, value + 1]);
      if (counted.length % 3 > 0) continue;
      recognised[0] += (await send()).duplicate;
      recognised[1]++;
    }
    told[way] = { counted, refused, recognised };
  }
  console.log(JSON.stringify(told));
`;

/** How many processes count, and how far each. */
const SIZES = { sqlite: [3, 60], postgres: [8, 12] } as const;

onSharedStores((opened) => {
  let rounds: Awaited<ReturnType<typeof countUp>>[];

  beforeAll(async () => {
    rounds = [];
    while (rounds.length < soak(1)) rounds.push(await countUp(opened));
  }, 3_600_000);

  test.each([
    ["saves", "save", ["save"]],
    ["commits of two slots", "commitOfTwo", ["commitOfTwo", "other"]],
  ] as const)("increments of several processes all count, and each once: as %s", async (_, way, kinds) => {
    for (const { identity, total, told } of rounds) {
      const counted = told.flatMap((one) => one[way].counted).toSorted(([, a], [, b]) => a - b);
      expect(counted.map(([, value]) => value)).toEqual(Array.from({ length: total }, (_, n) => n + 1));
      for (const kind of kinds) expect(await countIn(opened, identity, kind)).toBe(total);
      expect((await opened.store.load(identity, way)).eventId).toBe(counted.at(-1)?.[0]);
      for (const { recognised } of told.map((one) => one[way])) expect(recognised[0]).toBe(recognised[1]);
      // Otherwise they never met.
      expect(told.reduce((sum, one) => sum + one[way].refused, 0)).toBeGreaterThan(0);
    }
  });

  test("without a condition, increments are lost", async () => {
    for (const { identity, total } of rounds) {
      expect(await countIn(opened, identity, "careless")).toBeLessThan(total);
    }
  });
});

async function countUp({ url }: TestStore) {
  const [processes, each] = SIZES[url.startsWith("sqlite:") ? "sqlite" : "postgres"];
  const identity = newSession();
  const task = { identity, each, processes };
  const told = await inProcesses<Record<Way, Told>>(processes, url, task, COUNTING);
  return { identity, total: processes * each, told };
}

async function countIn({ store }: TestStore, identity: SessionIdentity, kind: string): Promise<number> {
  return Number(Buffer.from((await store.load(identity, kind)).bytes));
}
