import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, sep } from "node:path";
import { afterAll, beforeAll, describe, expect } from "vitest";
import "../../drivers/index.js";
import { newEventId, openStore, type SessionIdentity, type StateStore } from "../../src/index.js";
import { createMigratedDatabase } from "../postgres/database.js";
import { isSoak } from "../soak.js";

/** A store that all tests of one `describe` share. Each test uses names of its own. */
export interface TestStore {
  readonly store: StateStore;
  /** The URL for other processes. A store in memory has none. */
  readonly url: string;
}

export type DriverName = keyof typeof PLACES;

/** Declares tests on a store, which is open once they run. */
type Declare = (opened: TestStore, driver: DriverName) => void;

/** What the tests need of a store. */
type Needed = { readonly maxBytes?: number };

/** Declares the tests for each driver of the package; in a short run for memory and one of the databases. */
export function onEveryStore(declare: Declare, needed?: Needed): void {
  describe.each(["memory", ...databases()] as const)("on %s", (driver) => declareOn(driver, declare, needed));
}

/** The same, for the drivers whose data several processes can share. */
export function onSharedStores(declare: Declare): void {
  describe.each(databases())("on %s", (driver) => declareOn(driver, declare));
}

/**
 * Where several processes can share data. In a short run half of the files have SQLite and half have Postgres, always the
 * same ones, because what is tested is above the drivers: nearly no fault of it shows on one database alone. A soak has
 * both, and so has GROUNDSTATE_DATABASES=all, for whoever changes one of the files or what it tests.
 */
function databases(): ("sqlite" | "postgres")[] {
  if (isSoak || process.env.GROUNDSTATE_DATABASES === "all") return ["sqlite", "postgres"];
  const path = (expect.getState().testPath ?? "").split(sep).slice(-2).join("/");
  const sum = Buffer.from(path).reduce((total, byte) => total + byte, 0);
  return sum % 2 === 0 ? ["sqlite"] : ["postgres"];
}

/** For what every driver does by the same rules: in memory, and with each driver in a soak. */
export function inMemory(declare: Declare, needed?: Needed): void {
  if (isSoak) onEveryStore(declare, needed);
  else describe("in memory", () => declareOn("memory", declare, needed));
}

function declareOn(driver: DriverName, declare: Declare, needed: Needed = {}): void {
  const opened = {} as { -readonly [K in keyof TestStore]: TestStore[K] };
  let clean: () => Promise<void> | void;
  beforeAll(async () => {
    const place = await PLACES[driver]();
    opened.url = place.url;
    opened.store = await openStore(place.url, { ...place.options, ...needed });
    clean = place.clean;
  });
  afterAll(async () => {
    await opened.store?.close();
    await clean?.();
  });
  declare(opened, driver);
}

const PLACES = {
  memory: async () => ({ url: "memory:", options: {}, clean() {} }),
  async sqlite() {
    const folder = mkdtempSync(join(tmpdir(), "groundstate-typed-"));
    const clean = () => rmSync(folder, { recursive: true, force: true });
    return { url: `sqlite:${join(folder, "state.db")}`, options: {}, clean };
  },
  async postgres() {
    const { url, drop } = await createMigratedDatabase();
    // A connection takes longer than most tests.
    return { url, options: isSoak ? {} : { poolSize: 2 }, clean: drop };
  },
};

/** A session of a new tenant. */
export function newSession(): SessionIdentity {
  return { tenant: `tenant-${newEventId()}`, user: "ann", session: "s1" };
}
