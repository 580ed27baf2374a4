import { expect, test } from "vitest";
import {
  maintenanceScope,
  newEventId,
  type SessionIdentity,
  scanKind,
  userIdentity,
} from "../../src/index.js";
import {
  createSessions,
  type ListSessionsOptions,
  type Sessions,
  type TenantRef,
  type UserRef,
} from "../../src/sessions/index.js";
import { withDice } from "../random.js";
import { isSoak, soak } from "../soak.js";
import { onEveryStore } from "../typed/stores.js";
import { manualClock, newUser, withMethods, writeAsBefore } from "./rig.js";

type AnySessions = Sessions<unknown, unknown>;
const nameOf = ({ user, session }: SessionIdentity) => `${user}/${session}`;

/** All pages. */
async function listed(sessions: AnySessions, who: UserRef | TenantRef, options: ListSessionsOptions = {}) {
  const found: string[] = [];
  for (let next: string | undefined, first = true; first || next !== undefined; first = false) {
    const page = await sessions.list(who, { ...options, ...(next !== undefined && { after: next }) });
    found.push(...page.sessions.map(({ identity }) => nameOf(identity)));
    next = page.next;
  }
  return found;
}

onEveryStore((opened) => {
  test("invalid arguments", async () => {
    const sessions = createSessions(opened.store, { fields: ["category"] });
    const { tenant, user } = newUser();
    for (const who of [{ tenant: "" }, {}, { tenant, user: undefined }, { tenant, user: "" }])
      await expect(sessions.list(who as never), JSON.stringify(who)).rejects.toMatchObject({
        code: "IDENTITY_REQUIRED",
      });
    for (const [options, field] of [
      [{ metadata: {} }, "metadata"],
      [{ metadata: { other: "x" } }, "metadata"],
      [{ metadata: { category: null } }, "metadata"],
      [{ metadata: { category: ["x"] } }, "metadata"],
      [{ metadata: undefined }, "metadata"],
      [{ damaged: "skip" }, "damaged"],
      [{ after: "2026-01-01T00:00:00.000Z.s" }, "after"],
      [{ after: "user.YQ" }, "after"],
      [{ after: "user..2026-01-01T00:00:00.000Z.s" }, "after"],
    ] as const)
      await expect(
        sessions.list({ tenant }, options as never),
        JSON.stringify(options),
      ).rejects.toMatchObject({
        details: { field },
      });
    await expect(
      sessions.list({ tenant, user }, { after: "user.YQ.2026-01-01T00:00:00.000Z.s" }),
    ).rejects.toMatchObject({ details: { field: "after" } });
    for (const fields of ["category", [1], [""], ["a/b"], ["x".repeat(65)], Array(9).fill("x"), undefined])
      expect(() => createSessions(opened.store, { fields: fields as never })).toThrow(
        expect.objectContaining({ code: "INVALID_RECORD" }),
      );
    const many = { category: Array.from({ length: 21 }, (_, n) => n) };
    await expect(sessions.create({ tenant, user }, { metadata: many })).rejects.toMatchObject({
      details: { field: "metadata" },
    });
    expect(await opened.store.list(userIdentity(tenant, user), "")).toEqual([]);
  });

  test("the lists and counts of a tenant and its users show what a model says", () =>
    withDice(async (dice) => {
      const clock = manualClock();
      const sessions = createSessions(opened.store, { clock, fields: ["category", "tags"] });
      const { tenant } = newUser();
      const model = new Map<
        string,
        {
          id: SessionIdentity;
          updated: number;
          event: number;
          closed: boolean;
          pinned: boolean;
          category: string;
          tags: string[];
        }
      >();
      const users = ["ann", "ann\u0001", "Ölaf", "zoe"];
      const some = () => [...model.values()][Math.floor(dice.next() * model.size)];
      const metadataOf = () => ({
        category: dice.next() < 0.3 ? "support" : "chat",
        tags: ["a", "b", "c"].filter(() => dice.next() < 0.4),
      });
      for (let step = 0; step < (isSoak ? soak(70) : 30); step++) {
        clock.forward([0, 0, 1, 15, 500, 60_000, 86_400_000 * 40][Math.floor(dice.next() * 7)] as number);
        const one = some();
        if (one === undefined || dice.next() < 0.35) {
          const id = { tenant, user: users[Math.floor(dice.next() * 4)] as string, session: `s${step}` };
          const metadata = metadataOf();
          await sessions.create(id, { metadata });
          model.set(nameOf(id), {
            id,
            updated: clock(),
            event: clock(),
            closed: false,
            pinned: false,
            ...metadata,
          });
          continue;
        }
        const die = dice.next();
        if (die < 0.4 && !one.closed) {
          await sessions.append(one.id, { value: step });
          one.updated = one.event = clock();
        } else if (die < 0.6) {
          const metadata = metadataOf();
          await sessions.changeMetadata(one.id, () => metadata);
          Object.assign(one, metadata, { updated: clock() });
        } else if (die < 0.7) {
          if (!one.closed) one.updated = clock();
          await sessions.close(one.id);
          one.closed = true;
        } else if (die < 0.85) {
          await sessions.pin(one.id);
          one.pinned = true;
        } else {
          await sessions.delete(one.id);
          model.delete(nameOf(one.id));
        }
      }
      for (const who of [{ tenant }, { tenant, user: "ann" }])
        for (const orderBy of ["updatedAt", "lastEventAt"] as const)
          for (const order of ["newest", "oldest"] as const)
            for (const filter of [
              {},
              { metadata: { category: "support" } },
              { metadata: { tags: "b" } },
              { metadata: { category: "chat", tags: "a" } },
              { status: "open" as const, metadata: { category: "chat" } },
              { pinned: true },
              { pinned: false, status: "closed" as const },
              { pinned: "first" as const, metadata: { tags: "c" } },
            ]) {
              const at = (each: { updated: number; event: number }) =>
                orderBy === "updatedAt" ? each.updated : each.event;
              const { category, tags } = { ...("metadata" in filter ? filter.metadata : {}) } as Record<
                string,
                string | undefined
              >;
              const wanted = [...model.values()].filter(
                (each) =>
                  (!("user" in who) || each.id.user === who.user) &&
                  (category === undefined || each.category === category) &&
                  (tags === undefined || each.tags.includes(tags)) &&
                  (!("status" in filter) || each.closed === (filter.status === "closed")) &&
                  (!("pinned" in filter) || filter.pinned === "first" || each.pinned === filter.pinned),
              );
              const options = { orderBy, order, ...filter };
              const found = await listed(sessions, who, { ...options, limit: 7 });
              const what = JSON.stringify({ who, ...options });
              expect([...found].sort(), what).toEqual(wanted.map(({ id }) => nameOf(id)).sort());
              const isFirst = (name: string) =>
                "pinned" in filter && filter.pinned === "first" && model.get(name)?.pinned;
              const sections = [found.filter(isFirst), found.filter((name) => !isFirst(name))];
              expect(sections.flat(), what).toEqual(found);
              for (const section of sections) {
                const own = section.map((name) => at(model.get(name) as never));
                expect(own, what).toEqual([...own].sort((a, b) => (order === "newest" ? b - a : a - b)));
              }
              const { orderBy: _, order: __, ...counted } = options;
              expect(await sessions.count(who, counted), what).toBe(wanted.length);
            }
    }));

  test("a rush of one moment, a clock that was ahead, and years without a session are paged each once", async () => {
    const clock = manualClock();
    const sessions = createSessions(opened.store, { clock });
    const { tenant } = newUser();
    const create = (user: string, session: string) => sessions.create({ tenant, user, session });
    await create("old", "first");
    clock.forward(86_400_000 * 365 * 5);
    await Promise.all(Array.from({ length: 60 }, (_, n) => create(`u${n % 5}`, `rush${n}`)));
    clock.forward(60_000);
    await create("new", "last");
    clock.forward(86_400_000 * 365 * 300);
    await create("ahead", "future");
    clock.forward(-86_400_000 * 365 * 300);
    for (const limit of [10, 1000]) {
      const newest = await listed(sessions, { tenant }, { limit });
      expect(newest).toHaveLength(63);
      expect(new Set(newest).size).toBe(63);
      expect([newest[0], newest[1], newest.at(-1)]).toEqual(["ahead/future", "new/last", "old/first"]);
      expect(await listed(sessions, { tenant }, { limit, order: "oldest" })).toEqual(newest.reverse());
    }
  });

  test("sessions of before a field was declared are listed by it after a change, or after reindex", async () => {
    const { tenant, user } = newUser();
    const ids = Array.from({ length: 7 }, (_, n) => ({
      tenant,
      user: n % 2 ? user : "bob",
      session: `s${n}`,
    }));
    const before = createSessions(opened.store);
    for (const id of ids) await before.create(id, { metadata: { category: "support", plan: "free" } });
    await writeAsBefore(opened.store, ids[6] as SessionIdentity);
    const now = createSessions(opened.store, { fields: ["category"] });
    const support = { metadata: { category: "support" } };
    expect(await listed(now, { tenant }, support)).toEqual([]);
    await now.touch(ids[0] as SessionIdentity);
    expect(await listed(now, { tenant }, support)).toEqual(["bob/s0"]);
    const times = new Map(
      (await now.list({ tenant })).sessions.map((one) => [nameOf(one.identity), one.updatedAt]),
    );
    let changed = 0;
    for (let next: string | undefined, calls = 0; calls === 0 || next !== undefined; calls++) {
      const done = await now.reindex({ tenant }, { limit: 3, after: next });
      changed += done.changed;
      next = done.next;
      expect(calls).toBeLessThan(5);
    }
    expect(changed).toBe(6);
    expect((await listed(now, { tenant }, support)).sort()).toEqual(ids.map(nameOf).sort());
    expect(await now.count({ tenant, user }, support)).toBe(3);
    expect(await listed(now, { tenant }, { orderBy: "lastEventAt" })).toHaveLength(7);
    for (const one of (await now.list({ tenant })).sessions)
      expect(one.updatedAt).toEqual(times.get(nameOf(one.identity)));
    expect(await now.reindex({ tenant, user })).toEqual({ changed: 0, damaged: 0 });
    // A process that does not know the field keeps the places up to date.
    await before.append(ids[1] as SessionIdentity, { value: 1 });
    await before.changeMetadata(ids[2] as SessionIdentity, () => ({ category: "chat" }));
    expect(await now.count({ tenant }, support)).toBe(6);
    expect(await now.count({ tenant }, { metadata: { category: "chat" } })).toBe(1);
    // What is not declared any more goes with the next reindex.
    const later = createSessions(opened.store, { fields: ["plan"] });
    expect(await later.reindex({ tenant })).toEqual({ changed: 7, damaged: 0 });
    expect(await now.count({ tenant }, support)).toBe(0);
    expect(await later.count({ tenant }, { metadata: { plan: "free" } })).toBe(6);
  });

  test("a page of a tenant reads about what it shows, and one by a field no other's sessions", async () => {
    const { tenant, user } = newUser();
    let read = 0;
    const counting = withMethods(opened.store, {
      listKind: (async (...given: Parameters<typeof opened.store.listKind>) => {
        const found = await opened.store.listKind(...given);
        read += found.length;
        return found;
      }) as never,
    });
    const clock = manualClock();
    const sessions = createSessions(counting, { clock, fields: ["category"] });
    for (let n = 0; n < 300; n++) {
      clock.forward(1000);
      const category = n % 100 === 50 ? "support" : "chat";
      await sessions.create({ tenant, user: `${user}${n % 20}` }, { metadata: { category } });
    }
    const { sessions: page, next } = await sessions.list({ tenant }, { limit: 5 });
    expect(page).toHaveLength(5);
    expect(read).toBeLessThan(300);
    read = 0;
    await sessions.list({ tenant }, { limit: 5, after: next });
    expect(read).toBeLessThan(300);
    read = 0;
    expect((await sessions.list({ tenant }, { metadata: { category: "support" } })).sessions).toHaveLength(3);
    expect(await sessions.count({ tenant }, { metadata: { category: "support" } })).toBe(3);
    expect(read).toBeLessThan(40);
  });

  test("deleted, erased and forgotten sessions leave nothing in the lists of fields", async () => {
    const sessions = createSessions(opened.store, { fields: ["category"] });
    const { tenant, user } = newUser();
    const support = { metadata: { category: "support" } };
    for (const session of ["deleted", "erased", "forgotten"])
      await sessions.create({ tenant, user, session }, support);
    await sessions.delete({ tenant, user, session: "deleted" });
    await opened.store.erase({ tenant, user, session: "erased" });
    expect(await listed(sessions, { tenant }, support)).toEqual([`${user}/forgotten`]);
    expect(await sessions.count({ tenant }, support)).toBe(1);
    await sessions.forgetUser({ tenant, user });
    const scope = maintenanceScope({ reason: "looks for what is left", tenant });
    for await (const { kind } of scanKind(opened.store, scope, "session")) expect.unreachable(kind);
  });

  test("what is damaged is marked in lists, and is repaired or deleted", async () => {
    const sessions = createSessions(opened.store, { fields: ["category"] });
    const { tenant, user } = newUser();
    const id = (session: string) => ({ tenant, user, session });
    const names = ["entry", "good", "head", "lost", "record"];
    for (const session of names) {
      await sessions.create(id(session), { metadata: { category: "support" } });
      await sessions.append(id(session), [{ value: 1 }, { value: 2 }]);
    }
    const write = (session: string, kind: string) =>
      opened.store.save({
        eventId: newEventId(),
        identity: id(session),
        kind,
        bytes: Buffer.from("{"),
        version: 1,
      });
    await write("head", "session.events");
    await write("record", "session");
    await opened.store.delete(id("lost"), "session.events");
    const own = userIdentity(tenant, user);
    const [entry] = (await opened.store.list(own, "session.index/")).filter(({ kind }) =>
      kind.endsWith(".entry"),
    );
    await opened.store.save({
      eventId: newEventId(),
      identity: own,
      kind: entry?.kind as string,
      bytes: Buffer.from("{"),
    });
    for (const who of [{ tenant }, { tenant, user }])
      for (const options of [
        {},
        { order: "oldest" as const },
        { pinned: "first" as const },
        { metadata: { category: "support" } },
      ]) {
        if (!("metadata" in options))
          await expect(sessions.list(who, options)).rejects.toMatchObject({ code: "CORRUPT" });
        const { sessions: marked } = await sessions.list(who, { ...options, damaged: "mark" });
        const damaged = marked.filter((one) => "damage" in one).map(({ identity }) => identity.session);
        expect(marked.map(({ identity }) => identity.session).sort(), JSON.stringify(options)).toEqual(names);
        expect(damaged.sort()).toEqual(["head", "lost", "record"]);
      }
    await expect(sessions.repair(id("record"))).rejects.toMatchObject({ details: { field: "metadata" } });
    await expect(sessions.repair(id("nobody"))).rejects.toMatchObject({ code: "NOT_FOUND" });
    expect(await sessions.repair(id("record"), { metadata: { category: "chat" } })).toMatchObject({
      metadata: { category: "chat" },
    });
    expect(await sessions.repair(id("head"))).toMatchObject({
      status: "open",
      metadata: { category: "support" },
    });
    expect((await sessions.read(id("head"))).map(({ number, value }) => [number, value])).toEqual([
      [1, 1],
      [2, 2],
    ]);
    expect((await sessions.append(id("head"), { value: 3 })).numbers).toEqual([3]);
    expect(await sessions.repair(id("good"))).toEqual(await sessions.get(id("good")));
    expect(await sessions.delete(id("lost"))).toBe(true);
    await sessions.touch(id("entry"));
    const left = ["entry", "good", "head", "record"].map((session) => `${user}/${session}`);
    for (const who of [{ tenant }, { tenant, user }])
      expect((await listed(sessions, who)).sort()).toEqual(left);
    expect((await listed(sessions, { tenant }, { metadata: { category: "support" } })).sort()).toEqual(
      left.filter((name) => !name.endsWith("record")),
    );
    expect(await sessions.count({ tenant, user })).toBe(4);
  });
});
