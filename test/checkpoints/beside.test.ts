import { beforeAll, expect, test } from "vitest";
import { createCheckpoints } from "../../src/checkpoints/index.js";
import {
  isStateError,
  maintenanceScope,
  newEventId,
  type SessionIdentity,
  type StateStore,
} from "../../src/index.js";
import { dyingAt } from "../sessions/rig.js";
import { inMemory, newSession } from "../typed/stores.js";
import { beforeEachStep } from "./intruding.js";

const PLACE = { lineage: "thread" };
const COPY = { lineage: "copy" };
/** It lies in two chunks. */
const LARGE = "large".repeat(1_000);
const EVERYBODY = maintenanceScope({ reason: "tidy", allTenants: true });

let store: StateStore;

const saved = (on = store) => createCheckpoints(on);
const valuesOf = (id: string) => ({ id, of: "all", large: id === "c-2" ? LARGE : "small" });
const checkpoint = (id: string, parent?: string) =>
  ({ ...PLACE, id, ...(parent && { parent }), values: valuesOf(id) }) as const;

/** A lineage of four checkpoints. */
async function prepared(): Promise<SessionIdentity> {
  const who = newSession();
  for (let number = 1; number <= 4; number++)
    await saved().put(who, checkpoint(`c-${number}`, number > 1 ? `c-${number - 1}` : undefined));
  return who;
}

async function recreate(who: SessionIdentity): Promise<void> {
  await saved().deleteLineage(who, PLACE.lineage);
  for (const id of ["d-1", "d-2"]) await saved().put(who, checkpoint(id));
}

/** The ids of a lineage's checkpoints, oldest first. All are whole. */
async function idsOf(who: SessionIdentity, place = PLACE): Promise<string[]> {
  const ids = (await saved().list(who, place)).checkpoints.map(({ id }) => id).reverse();
  for (const id of ids)
    expect((await saved().get(who, { ...place, id })).values).toMatchObject({ of: "all", id });
  return ids;
}

async function expectNothingLeft(who: SessionIdentity): Promise<void> {
  for (const { lineage } of [PLACE, COPY]) await saved().deleteLineage(who, lineage);
  const left = await store.list(who, "checkpoint.", { bytes: false });
  expect(left.map(({ kind }) => kind)).toEqual([]);
}

function expectOnly(code: "NOT_FOUND", error: unknown): void {
  if (error !== undefined && !isStateError(error, code)) throw error;
}

inMemory(
  (opened) => {
    beforeAll(() => {
      store = opened.store;
    });

    test("a put beside a deletion of its lineage does not take the values of a fork into the new one", async () => {
      for (const id of ["small", "c-2"])
        await beforeEachStep(store, {
          async prepare() {
            const who = await prepared();
            await saved().fork(who, PLACE, { to: COPY.lineage });
            return who;
          },
          call: (on, who) => saved(on).put(who, { ...checkpoint(id), id: "new" }),
          intrude: (who) => saved().deleteLineage(who, PLACE.lineage),
          async check(who, error) {
            expect(error).toBeUndefined();
            await saved().deleteLineage(who, PLACE.lineage);
            expect(await idsOf(who, COPY)).toEqual(["c-1", "c-2", "c-3", "c-4"]);
            await expectNothingLeft(who);
          },
        });
    });

    test("a put of a large value beside a deletion, or an erase of the session, leaves no part of it", async () => {
      const others = {
        delete: (who: SessionIdentity) => saved().deleteLineage(who, PLACE.lineage),
        recreate,
        erase: (who: SessionIdentity) => store.erase(who),
      };
      for (const intrude of Object.values(others))
        await beforeEachStep(store, {
          prepare: prepared,
          call: (on, who) => saved(on).put(who, { ...checkpoint("new"), values: { new: `${LARGE}2` } }),
          intrude,
          async check(who, error) {
            expect(error).toBeUndefined();
            await expectNothingLeft(who);
          },
        });
    });

    test("a fork beside a deletion of its origin has all that was asked for, or nothing, and no other's values", async () => {
      for (const intrude of [
        recreate,
        (who: SessionIdentity) => saved().deleteLineage(who, PLACE.lineage),
        (who: SessionIdentity) => saved().prune(who, PLACE, { keep: 1 }),
      ])
        await beforeEachStep(store, {
          prepare: prepared,
          call: (on, who) => saved(on).fork(who, PLACE, { to: COPY.lineage, id: "c-3" }),
          intrude,
          async check(who, error) {
            expectOnly("NOT_FOUND", error);
            const ids = await idsOf(who, COPY);
            if (error === undefined) expect(ids.at(-1)).toBe("c-3");
            else
              expect((await saved().lineages(who)).map(({ lineage }) => lineage)).not.toContain(COPY.lineage);
            // Whatever happened, the name can be used.
            await saved().put(who, { ...checkpoint("new"), ...COPY });
            await expectNothingLeft(who);
          },
        });
    });

    test("a fork that is made again is a duplicate, also after the checkpoint was removed from its origin", async () => {
      const who = await prepared();
      await saved().fork(who, PLACE, { to: COPY.lineage, id: "c-2" });
      await saved().prune(who, PLACE, { keep: 1 });
      expect(await saved().fork(who, PLACE, { to: COPY.lineage, id: "c-2" })).toEqual({ duplicate: true });
      const other = saved().fork(who, PLACE, { to: COPY.lineage, id: "c-1" });
      await expect(other).rejects.toMatchObject({ code: "ALREADY_EXISTS" });
    });

    test("a fork beside a task's writes copies large ones whole, and does not write over what the copy got since", async () => {
      const write = (who: SessionIdentity, place: typeof PLACE, value: string) =>
        saved().putWrites(who, {
          ...place,
          id: "c-4",
          task: "t",
          writes: [{ channel: "x", index: -1, value }],
        });
      await beforeEachStep(store, {
        prepare: prepared,
        call: (on, who) => saved(on).fork(who, PLACE, { to: COPY.lineage }),
        intrude: (who) => write(who, PLACE, LARGE),
        check: (who) => saved().tuple(who, { ...COPY, id: "c-4" }),
      });
      await beforeEachStep(store, {
        async prepare() {
          const who = await prepared();
          await write(who, PLACE, "old");
          return { who, isWritten: false };
        },
        call: (on, { who }) => saved(on).fork(who, PLACE, { to: COPY.lineage }),
        async intrude(state) {
          await saved().fork(state.who, PLACE, { to: COPY.lineage });
          await write(state.who, COPY, "new");
          state.isWritten = true;
        },
        async check({ who, isWritten }, error) {
          expect(error).toBeUndefined();
          const tuple = await saved().tuple(who, { ...COPY, id: "c-4" });
          expect(tuple?.writes.map(({ value }) => value)).toEqual([isWritten ? "new" : "old"]);
        },
      });
    });

    test("a prune beside another prune, or a deletion, ends well and leaves nothing", async () => {
      for (const intrude of [
        (who: SessionIdentity) => saved().prune(who, PLACE, { keep: 1 }),
        (who: SessionIdentity) => saved().deleteLineage(who, PLACE.lineage),
      ])
        await beforeEachStep(store, {
          prepare: prepared,
          call: (on, who) => saved(on).prune(who, PLACE, { keep: 2 }),
          intrude,
          async check(who, error) {
            expect(error).toBeUndefined();
            await idsOf(who);
            await expectNothingLeft(who);
          },
        });
    });

    test("a prune keeps what a put refers to meanwhile, also one in a new namespace", async () => {
      const refers = [
        { ...checkpoint("late"), namespace: "new", parents: { "": "c-1" } },
        { ...checkpoint("late", "c-2"), dependsOn: "c-1" },
      ];
      for (const put of refers)
        await beforeEachStep(store, {
          prepare: async () => ({ who: await prepared(), wasThere: false }),
          call: (on, { who }) => saved(on).prune(who, PLACE, { keep: 2 }),
          async intrude(state) {
            await saved().put(state.who, put);
            const needed = "dependsOn" in put ? ["c-1", "c-2"] : ["c-1"];
            const there = await Promise.all(needed.map((id) => saved().find(state.who, { ...PLACE, id })));
            state.wasThere = there.every((found) => found !== undefined);
          },
          async check({ who, wasThere }, error) {
            expect(error).toBeUndefined();
            if (wasThere) expect(await idsOf(who)).toContain("c-1");
          },
        });
    });

    test("a prune keeps what a task writes meanwhile for a checkpoint that has not come, and removes what is old", async () => {
      const write = (who: SessionIdentity, task: string, value: string) =>
        saved().putWrites(who, { ...PLACE, id: "c-9", task, writes: [{ channel: "x", value }] });
      const tasksOf = async (who: SessionIdentity) => {
        const tuple = await saved().tuple(who, { ...PLACE, id: "c-9" });
        for (const { value } of tuple?.writes ?? []) expect(value).toBe(LARGE);
        return tuple?.writes.map(({ task }) => task);
      };
      await beforeEachStep(store, {
        async prepare() {
          const who = await prepared();
          await write(who, "old", LARGE);
          const now = Date.now();
          while (Date.now() === now) await new Promise((resolve) => setTimeout(resolve, 1));
          return { who, now, isWritten: false };
        },
        call: (on, { who, now }) =>
          createCheckpoints(on, { clock: () => now }).prune(who, PLACE, { keep: 9, abandonedMs: 0 }),
        async intrude(state) {
          await write(state.who, "new", LARGE);
          state.isWritten = true;
        },
        async check({ who, isWritten }, error) {
          expect(error).toBeUndefined();
          if (!isWritten) expect(await store.count(who, "checkpoint.write/")).toBe(0);
          await saved().put(who, checkpoint("c-9", "c-4"));
          if (isWritten) expect(await tasksOf(who)).toContain("new");
        },
      });
    });

    test("a prune keeps old writes whose checkpoint comes meanwhile", async () => {
      await beforeEachStep(store, {
        async prepare() {
          const who = await prepared();
          const writes = [{ channel: "x", value: LARGE }];
          await saved().putWrites(who, { ...PLACE, id: "c-9", task: "t", writes });
          return { who, wasThere: false };
        },
        call: (on, { who }) =>
          createCheckpoints(on, { clock: () => Date.now() + 1_000 }).prune(who, PLACE, {
            keep: 9,
            abandonedMs: 0,
          }),
        async intrude(state) {
          await saved().put(state.who, checkpoint("c-9", "c-4"));
          state.wasThere = (await saved().tuple(state.who, { ...PLACE, id: "c-9" }))?.writes.length === 1;
        },
        async check({ who, wasThere }, error) {
          expect(error).toBeUndefined();
          const left = await saved().tuple(who, { ...PLACE, id: "c-9" });
          if (wasThere) expect(left?.writes.map(({ value }) => value)).toEqual([LARGE]);
        },
      });
    });

    test("the last checkpoint is read of a lineage that is deleted and begun again meanwhile", async () => {
      await beforeEachStep(store, {
        prepare: prepared,
        call: (on, who) => saved(on).tuple(who, PLACE),
        intrude: recreate,
        check: async (_, error) => expect(error).toBeUndefined(),
      });
    });

    test("a large value that is removed and put again while it is read is not taken for damaged", async () => {
      const values = { large: "x".repeat(4_000) };
      await beforeEachStep(store, {
        async prepare() {
          const who = await prepared();
          await saved().put(who, { ...PLACE, id: "large", values });
          await saved().put(who, checkpoint("last"));
          return who;
        },
        call: (on, who) => saved(on).find(who, { ...PLACE, id: "large" }),
        intrude: (who) => saved().prune(who, PLACE, { keep: 1 }),
        intrudeAgain: (who) => saved().put(who, { ...PLACE, id: "again", values }),
        check: async (_, error) => expect(error).toBeUndefined(),
      });
    });

    test("writes for a lineage that never came go when they are old", async () => {
      const who = newSession();
      await saved().putWrites(who, {
        ...PLACE,
        id: "c",
        task: "t",
        writes: [{ channel: "x", value: LARGE }],
      });
      await saved().prune(who, PLACE, { keep: 1 });
      expect(await store.count(who, "checkpoint.write/")).toBeGreaterThan(0);
      await saved().prune(who, PLACE, { keep: 1, abandonedMs: 0 });
      expect(await store.count(who, "checkpoint.")).toBe(0);
    });

    test("values of a deleted lineage that shared them go also if its process died right after the deletion", async () => {
      const who = await prepared();
      await saved().fork(who, PLACE, { to: COPY.lineage });
      await saved().deleteLineage(who, PLACE.lineage);
      // The first commit deletes the lineage.
      await expect(saved(dyingAt(store, "commit", 2)).deleteLineage(who, COPY.lineage)).rejects.toThrow(
        "died",
      );
      expect(await store.count(who, "checkpoint.value/")).toBeGreaterThan(0);
      await saved().recover(EVERYBODY, { abandonedMs: 0 });
      expect(await store.count(who, "checkpoint.")).toBe(0);
    });

    test("values stay that a lineage may use which cannot be read, and go once it can", async () => {
      const who = await prepared();
      await saved().fork(who, PLACE, { to: COPY.lineage });
      await expect(saved(dyingAt(store, "commit", 2)).deleteLineage(who, PLACE.lineage)).rejects.toThrow(
        "died",
      );
      const [copy] = await store.list(who, "checkpoint.lineage/");
      if (copy === undefined) throw new Error("there is no lineage");
      const damaged = { ...copy, eventId: newEventId(), bytes: Buffer.from("{}") };
      await store.save(damaged);
      await saved().recover(EVERYBODY, { abandonedMs: 0 });
      await store.save({ ...copy, eventId: newEventId() });
      expect(await idsOf(who, COPY)).toEqual(["c-1", "c-2", "c-3", "c-4"]);
      await expectNothingLeft(who);
    });

    test("a lineage that counts wrongly is CORRUPT, and nothing is put over a checkpoint", async () => {
      const who = await prepared();
      const [lineage] = await store.list(who, "checkpoint.lineage/");
      if (lineage === undefined) throw new Error("there is no lineage");
      const stored = JSON.parse(Buffer.from(lineage.bytes).toString());
      const bytes = Buffer.from(JSON.stringify({ ...stored, next: 2 }));
      await store.save({ ...lineage, eventId: newEventId(), bytes });
      await expect(saved().put(who, checkpoint("new"))).rejects.toMatchObject({ code: "CORRUPT" });
      expect(await idsOf(who)).toEqual(["c-1", "c-2", "c-3", "c-4"]);
    });
  },
  { maxBytes: 4_096 },
);
