import { beforeEach, describe, expect, test } from "vitest";
import "../../drivers/index.js";
import { type Checkpoints, createCheckpoints } from "../../src/checkpoints/index.js";
import {
  type Change,
  isStateError,
  openStore,
  type SessionIdentity,
  type StateStore,
} from "../../src/index.js";
import { withMethods } from "../sessions/rig.js";
import { inProcesses } from "../typed/processes.js";
import { newSession, onSharedStores } from "../typed/stores.js";

const PLACE = { lineage: "thread" };
const LARGE = "large".repeat(60_000);

/** What the checkpoints of the tests hold, by their id. Values that are out of use come back: "p92" has those of "p01" and "p02". */
function valuesOf(id: string) {
  const number = Number(id.slice(1));
  return { number, toggle: number % 7, doc: number % 5 === 2 ? LARGE : "small" };
}

/** Reads every checkpoint of every lineage. Throws CORRUPT where one is not whole. */
async function expectAllWhole(saved: Checkpoints, who: SessionIdentity): Promise<number> {
  let read = 0;
  for (const { lineage } of await saved.lineages(who))
    for (const { id } of (await saved.list(who, { lineage })).checkpoints) {
      expect((await saved.get(who, { lineage, id })).values).toEqual(valuesOf(id));
      read++;
    }
  return read;
}

/** What others do while a prune is about to read a list or to commit. Those that need a checkpoint that is gone may fail. */
const INTRUDERS = {
  "puts values that are out of use": (saved, who) =>
    saved.put(who, { ...PLACE, id: "p92", parent: "p6", values: valuesOf("p92") }),
  "goes on from an old checkpoint": (saved, who) =>
    saved.put(who, { ...PLACE, id: "p2", parent: "p02", values: {}, inherit: true }),
  "copies everything": (saved, who) => saved.fork(who, PLACE, { to: "copy" }),
  "copies everything and prunes the rest": async (saved, who) => {
    await saved.fork(who, PLACE, { to: "copy" });
    await saved.prune(who, PLACE, { keep: 1 });
  },
  "copies and deletes the original": async (saved, who) => {
    await saved.fork(who, PLACE, { to: "copy" });
    await saved.deleteLineage(who, PLACE.lineage);
  },
} satisfies Record<string, (saved: Checkpoints, who: SessionIdentity) => Promise<unknown>>;

describe("before each list and commit of a prune, another call", () => {
  let store: StateStore;
  let who: SessionIdentity;
  beforeEach(async () => {
    store = await openStore("memory:");
    who = newSession();
  });

  /** Prunes, with the intruder right before the list or commit of this number. Returns whether there was one. */
  async function pruneWith(
    intrude: (saved: Checkpoints, who: SessionIdentity) => Promise<unknown>,
    at: number,
    commit: StateStore["commit"],
  ): Promise<boolean> {
    const saved = createCheckpoints(store);
    for (const [at, id] of ["p01", "p02", "p03", "p4", "p5", "p6"].entries())
      await saved.put(who, { ...PLACE, id, ...(at > 0 && { parent: `p0${at}` }), values: valuesOf(id) });
    let calls = 0;
    const intruding = async () => {
      calls++;
      if (calls !== at) return;
      await intrude(saved, who).catch((error: unknown) => {
        if (!isStateError(error, "NOT_FOUND")) throw error;
      });
    };
    const methods = {
      commit: (async (...args) => intruding().then(() => commit(...args))) as StateStore["commit"],
      list: (async (...args: Parameters<StateStore["list"]>) =>
        intruding().then(() => store.list(...args))) as unknown as StateStore["list"],
    };
    await createCheckpoints(withMethods(store, methods)).prune(who, PLACE, { keep: 2 });
    return calls >= at;
  }

  test.each(Object.entries(INTRUDERS))("%s: all checkpoints are whole", async (_, intrude) => {
    for (let at = 1; ; at++) {
      who = newSession();
      const isIn = await pruneWith(intrude, at, store.commit.bind(store));
      expect(await expectAllWhole(createCheckpoints(store), who)).toBeGreaterThan(0);
      if (!isIn) break;
      expect(at).toBeLessThan(50);
    }
  });

  /** A prune that removes without looking whether anything has changed. */
  const unconditional = (changes: readonly Change[]): Change[] =>
    changes
      .filter(({ op }) => op !== "check")
      .map((change) => {
        if (change.op !== "delete") return change;
        const { expect: _, ...anyway } = change;
        return anyway;
      });

  test("a prune without conditions leaves checkpoints that are not whole", async () => {
    const broken = new Set<string>();
    const names = ["puts values that are out of use", "copies everything and prunes the rest"] as const;
    for (const name of names)
      for (let at = 1; !broken.has(name); at++) {
        who = newSession();
        const commit: StateStore["commit"] = (changes, options) =>
          changes.some(({ op }) => op === "delete")
            ? store.commit(unconditional(changes), options)
            : store.commit(changes, options);
        const isIn = await pruneWith(INTRUDERS[name], at, commit);
        await expectAllWhole(createCheckpoints(store), who).catch((error: unknown) => {
          if (!isStateError(error, "CORRUPT")) throw error;
          broken.add(name);
        });
        if (!isIn) break;
      }
    expect([...broken]).toEqual(names);
  });
});

test("a prune before each commit of a put: the put takes effect whole, or its parent is gone", async () => {
  const store = await openStore("memory:");
  const puts = {
    "of a large value": { id: "p7", parent: "p3", values: valuesOf("p7") },
    "that inherits": { id: "p3", parent: "p03", values: {}, inherit: true },
    "of values that are out of use": { id: "p8", parent: "p03", values: valuesOf("p8") },
  };
  for (const [name, put] of Object.entries(puts))
    for (let at = 1; ; at++) {
      const who = newSession();
      const saved = createCheckpoints(store);
      await saved.put(who, { ...PLACE, id: "p01", values: valuesOf("p01") });
      await saved.put(who, { ...PLACE, id: "p03", parent: "p01", values: valuesOf("p03") });
      await saved.put(who, { ...PLACE, id: "p4", parent: "p03", values: valuesOf("p4") });
      let commits = 0;
      const commit: StateStore["commit"] = async (changes, options) => {
        if (++commits === at) await saved.prune(who, PLACE, { keep: 1, abandonedMs: 0 });
        return store.commit(changes, options);
      };
      const outcome = await createCheckpoints(withMethods(store, { commit }))
        .put(who, { ...PLACE, ...put })
        .catch((error: unknown) => error);
      if (name === "that inherits" && commits >= at) expect(outcome).toMatchObject({ code: "NOT_FOUND" });
      else expect(outcome, name).toEqual({ id: put.id, duplicate: false });
      await expectAllWhole(saved, who);
      await saved.prune(who, PLACE, { keep: 1, abandonedMs: 0 });
      expect(await expectAllWhole(saved, who)).toBe(1);
      if (commits < at) break;
    }
});

test("a put takes no value for whole that another began to upload after it had been removed", async () => {
  const store = await openStore("memory:");
  const who = newSession();
  const saved = createCheckpoints(store);
  await saved.put(who, { ...PLACE, id: "p2", values: valuesOf("p2") });
  await saved.put(who, { ...PLACE, id: "p3", values: valuesOf("p3") });
  let began = 0;
  const interrupted: StateStore["commit"] = async (changes, options) => {
    if (began++ > 0) throw new Error("the process was killed");
    return store.commit(changes, options);
  };
  let isIn = false;
  const commit: StateStore["commit"] = async (changes, options) => {
    if (!isIn) {
      isIn = true;
      await saved.prune(who, PLACE, { keep: 1, abandonedMs: 0 });
      const other = createCheckpoints(withMethods(store, { commit: interrupted }));
      await expect(other.put(who, { ...PLACE, id: "p12", values: valuesOf("p12") })).rejects.toThrow();
    }
    return store.commit(changes, options);
  };
  await createCheckpoints(withMethods(store, { commit })).put(who, {
    ...PLACE,
    id: "p7",
    values: valuesOf("p7"),
  });
  expect(began).toBe(2);
  expect(await expectAllWhole(saved, who)).toBe(2);
});

test("a put whose lineage is deleted before its commit takes nothing from a fork of it", async () => {
  for (const values of [valuesOf("p1"), valuesOf("p2")]) {
    const store = await openStore("memory:");
    const who = newSession();
    const saved = createCheckpoints(store);
    await saved.put(who, { ...PLACE, id: "p1", values: valuesOf("p1") });
    let isIn = false;
    const commit: StateStore["commit"] = async (changes, options) => {
      const isLast = changes.some(
        (change) => change.op === "save" && change.record.kind.includes("checkpoint.at/"),
      );
      if (isLast && !isIn) {
        isIn = true;
        await saved.fork(who, PLACE, { to: "copy" });
        await saved.deleteLineage(who, PLACE.lineage);
      }
      return store.commit(changes, options);
    };
    await createCheckpoints(withMethods(store, { commit })).put(who, { ...PLACE, id: "late", values });
    expect(isIn).toBe(true);
    expect((await saved.latest(who, PLACE))?.values).toEqual(values);
    await saved.deleteLineage(who, PLACE.lineage);
    expect(await expectAllWhole(saved, who)).toBe(1);
  }
});

onSharedStores((opened) => {
  test("processes put, fork and prune on one lineage, and all that is there is whole", async () => {
    const who = newSession();
    const args = { who, place: PLACE };
    const results = await inProcesses<{ put: number; pruned: number }>(
      3,
      opened.url,
      args,
      `
      import { createCheckpoints } from "groundstate/checkpoints";
      const saved = createCheckpoints(store);
      const { who, place } = args;
      const large = "large".repeat(60_000);
      let put = 0;
      let pruned = 0;
      if (me < 2)
        for (let i = 0; i < 15; i++, put++) {
          const number = i * 2 + me;
          const values = { number, toggle: number % 7, doc: number % 5 === 2 ? large : "small" };
          const last = await saved.latest(who, place);
          await saved.put(who, { ...place, id: "p" + number, ...(last && { parent: last.id }), values });
          if (i === 7) await saved.fork(who, place, { to: "copy-" + me });
        }
      else
        for (let i = 0; i < 12; i++) {
          pruned += (await saved.prune(who, place, { keep: 3, abandonedMs: 0 })).checkpoints;
          await new Promise((resolve) => setTimeout(resolve, 20));
        }
      console.log(JSON.stringify({ put, pruned }));
      `,
    );
    expect(results.reduce((sum, { put }) => sum + put, 0)).toBe(30);
    const saved = createCheckpoints(opened.store);
    await expectAllWhole(saved, who);
    await saved.prune(who, PLACE, { keep: 3 });
    expect((await saved.list(who, PLACE)).checkpoints).toHaveLength(3);
    expect(await expectAllWhole(saved, who)).toBeGreaterThanOrEqual(3);
  });
});
