import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, describe, expect, test } from "vitest";
import { openMemory } from "../../drivers/memory/index.js";
import { openSqlite } from "../../drivers/sqlite/index.js";
import { createApprovals } from "../../src/approvals/index.js";
import type { Driver, ScanPage } from "../../src/contract/driver.js";
import {
  createStore,
  maintenanceScope,
  newEventId,
  type ScanOptions,
  type StateStore,
} from "../../src/index.js";
import { withMethods } from "../sessions/rig.js";
import { CALL, HOUR, TestClock } from "./states.js";

const EVERYWHERE = maintenanceScope({ reason: "sweeps", allTenants: true });
const TENANTS = 3000;
/** The most records that a page has. */
const PAGE_SIZE = 500;
/** The most tenants that one page reads without a result. More would block the event loop. */
const MAX_TENANTS_PER_PAGE = 100;

describe.each(["memory", "sqlite"] as const)("on %s", (name) => {
  const opened: { store?: StateStore; folder?: string } = {};

  afterEach(async () => {
    await opened.store?.close();
    if (opened.folder !== undefined) rmSync(opened.folder, { recursive: true, force: true });
  });

  /** A new store, and the pages that its driver read. */
  async function open() {
    let driver: Driver;
    if (name === "memory") driver = await openMemory();
    else {
      opened.folder = mkdtempSync(join(tmpdir(), "groundstate-sweeps-"));
      driver = await openSqlite({ path: join(opened.folder, "state.db") });
    }
    const pages: ScanPage[] = [];
    const watched = new Proxy(driver, {
      get(target, method) {
        const value = Reflect.get(target, method, target);
        if (typeof value !== "function") return value;
        if (method !== "scan") return value.bind(target);
        return async (...args: Parameters<Driver["scan"]>) => {
          const page = await target.scan(...args);
          pages.push(page);
          return page;
        };
      },
    });
    const store = createStore(watched);
    opened.store = store;
    return { store, pages };
  }

  function sessionOf(index: number) {
    return { tenant: `tenant-${String(index).padStart(5, "0")}`, user: "ann", session: "s1" };
  }

  test("a sweep over many tenants that have nothing for it reads pages of a bounded size, and finds the few", async () => {
    const { store, pages } = await open();
    const clock = new TestClock();
    const approvals = createApprovals(store, { clock: clock.now });
    const note = { kind: "note", bytes: Buffer.alloc(1) };
    await Promise.all(
      Array.from({ length: TENANTS }, (_, index) =>
        store.save({ eventId: newEventId(), identity: sessionOf(index), ...note }),
      ),
    );
    const some = [7, 1500, TENANTS - 1].map(sessionOf);
    for (const who of some) {
      await approvals.request(who, { ...CALL, id: "short", ttlMs: 1000 });
      await approvals.request(who, { ...CALL, id: "long", ttlMs: HOUR });
    }
    clock.pass(2000);

    pages.length = 0;
    expect(await approvals.expireOverdue(EVERYWHERE)).toBe(some.length);
    // Of each of two statuses.
    expect(pages.length).toBeGreaterThanOrEqual(2 * Math.floor(TENANTS / MAX_TENANTS_PER_PAGE));
    expect(pages.length).toBeLessThan(80);
    for (const { records } of pages) expect(records.length).toBeLessThan(10);
    expect(await approvals.expireOverdue(EVERYWHERE, { erased: true })).toBe(0);

    const found: unknown[] = [];
    for await (const { identity, id } of approvals.recover(EVERYWHERE)) found.push([identity, id]);
    expect(found).toEqual(some.map((who) => [who, "long"]));
  });

  test("a sweep acts page by page, ends with its signal, and another goes on from there", async () => {
    const { store } = await open();
    const clock = new TestClock();
    const approvals = createApprovals(store, { clock: clock.now });
    const all = PAGE_SIZE + 150;
    await Promise.all(
      Array.from({ length: all }, (_, index) =>
        approvals.request(sessionOf(index % 50), { ...CALL, id: `a${index}`, ttlMs: 1000 }),
      ),
    );
    clock.pass(2000);
    const stopping = new AbortController();
    let commits = 0;
    let finds = 0;
    let mostFinds = 0;
    const watched = withMethods(store, {
      async listKind(scope, prefix, options) {
        // The page after the first: what was on that one is dealt with, and no more is held.
        if (commits > 0) stopping.abort();
        return store.listKind(scope, prefix, options as ScanOptions);
      },
      async find(...args) {
        mostFinds = Math.max(mostFinds, ++finds);
        return store.find(...args).finally(() => finds--);
      },
      async commit(...args) {
        commits++;
        return store.commit(...args);
      },
    });
    const sweeping = createApprovals(watched, { clock: clock.now });
    await expect(sweeping.expireOverdue(EVERYWHERE, { signal: stopping.signal })).rejects.toMatchObject({
      name: "AbortError",
    });
    expect(commits).toBeGreaterThan(0);
    expect(commits).toBeLessThanOrEqual(PAGE_SIZE);
    expect(mostFinds).toBeLessThanOrEqual(250);

    expect(await approvals.expireOverdue(EVERYWHERE)).toBe(all - commits);
    expect(await approvals.expireOverdue(EVERYWHERE)).toBe(0);
  });

  test("what is recovered is read as it is asked for, and ends with its signal", async () => {
    const { store } = await open();
    const approvals = createApprovals(store);
    await Promise.all(
      Array.from({ length: 250 }, (_, index) => approvals.request(sessionOf(index % 20), CALL)),
    );
    let finds = 0;
    const find: StateStore["find"] = (...args) => {
      finds++;
      return store.find(...args);
    };
    const recovering = createApprovals(withMethods(store, { find }));
    const stopping = new AbortController();
    let seen = 0;
    const recover = async () => {
      for await (const _ of recovering.recover(EVERYWHERE, { signal: stopping.signal }))
        if (++seen === 10) stopping.abort();
    };
    await expect(recover()).rejects.toMatchObject({ name: "AbortError" });
    expect(seen).toBe(10);
    // Two for each of the hundred that are read at once.
    expect(finds).toBeLessThanOrEqual(200);
  });
});
