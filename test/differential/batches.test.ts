import { createHash } from "node:crypto";
import { isDeepStrictEqual } from "node:util";
import fc from "fast-check";
import { afterAll, beforeAll, expect, test } from "vitest";
import type { Commit, Outcome, Slot, StoredRecord, Write } from "../../src/contract/driver.js";
import { decide, type SeenEvent, slotOf, type View } from "../../src/rules/decide.js";
import { compareByKind } from "../../src/rules/order.js";
import { slotKey } from "../../src/rules/slot-key.js";
import { soak } from "../soak.js";
import { assertProperty } from "./replay.js";
import { type Drivers, openDrivers } from "./stores.js";

/** Few enough that most commits of a batch meet another. */
const SESSIONS = ["s1", "s2"];
const KINDS = ["a", "b", "%", "\u{1F600}", "\\"];
const EVENTS = ["1", "2", "3", "4", "5", "6", "7", "8"];
const FOR_EVER = 1e12;

let opened: Drivers;
let tenants = 0;

beforeAll(async () => {
  opened = await openDrivers();
});

afterAll(async () => {
  await Promise.all(opened.drivers.map(({ driver }) => driver.close()));
  await opened.clean();
});

test(
  "a batch in which commits meet gives what they give one after another",
  async () => {
    let commits = 0;
    const batches = fc.array(fc.array(writes(), { minLength: 1, maxLength: 60, size: "max" }), {
      maxLength: 4,
      size: "max",
    });
    const property = fc.asyncProperty(batches, async (batches) => {
      const tenant = `t${++tenants}`;
      const model = new Sequence();
      for (const batch of batches) {
        commits += batch.length;
        const made = batch.map((writes) => inTenant(tenant, writes));
        const expected = made.map((commit) => model.apply(commit));
        for (const { name, driver } of opened.drivers) {
          const outcomes = await driver.apply(made, { now: Date.now(), window: FOR_EVER });
          for (const [index, outcome] of outcomes.entries()) {
            if (!isDeepStrictEqual({ ...outcome }, { ...expected[index] })) {
              expect({ name, index, outcome }).toEqual({ name, index, outcome: expected[index] });
            }
          }
          expect([name, outcomes.length]).toEqual([name, made.length]);
        }
      }
      for (const { name, driver } of opened.drivers) {
        const query = { tenant, prefix: "", limit: 1000, maxBytes: 1e9, reverse: false };
        expect([name, (await driver.scan(query)).records.map(comparable)]).toEqual([
          name,
          model.all().map(comparable),
        ]);
      }
    });
    await assertProperty(property, 60);
    if (!process.env.GROUNDSTATE_REPLAY) expect(commits).toBeGreaterThan(1500);
  },
  soak(120_000),
);

/** Maps, and `decide` asked about one commit after another. */
class Sequence {
  readonly #records = new Map<string, StoredRecord>();
  readonly #events = new Map<string, { record: StoredRecord; savedAt: number }>();

  apply(commit: Commit): Outcome {
    const view: View = {
      now: 0,
      window: FOR_EVER,
      current: (slot) => this.#records.get(slotKey(slot))?.eventId,
      event: (_, eventId) => this.#remembered(eventId),
    };
    const decision = decide(commit, view);
    if (decision.is === "applied") for (const write of commit.writes) this.#carryOut(write);
    return decision;
  }

  all(): StoredRecord[] {
    return [...this.#records.values()].sort(compareByKind);
  }

  #remembered(eventId: string): SeenEvent | undefined {
    const event = this.#events.get(eventId);
    if (event === undefined) return undefined;
    const current = this.#records.get(slotKey(event.record)) === event.record;
    return { fingerprint: event.record.fingerprint, savedAt: event.savedAt, current };
  }

  #carryOut(write: Write): void {
    const key = slotKey(slotOf(write));
    if (write.op === "delete") this.#records.delete(key);
    if (write.op !== "save") return;
    this.#records.set(key, write.record);
    this.#events.set(write.record.eventId, { record: write.record, savedAt: 0 });
  }
}

type Draft = Pick<Slot, "session" | "kind"> & {
  readonly op: "save" | "delete" | "check";
  readonly eventId: string;
  readonly expect: string | null | undefined;
  readonly version: number;
};

/** One to four writes, no slot and no event id twice. */
function writes(): fc.Arbitrary<readonly Draft[]> {
  const draft = fc.record({
    op: fc.constantFrom(
      "save" as const,
      "save" as const,
      "save" as const,
      "delete" as const,
      "check" as const,
    ),
    session: fc.constantFrom(...SESSIONS),
    kind: fc.constantFrom(...KINDS),
    eventId: fc.constantFrom(...EVENTS),
    expect: fc.constantFrom(undefined, undefined, undefined, null, ...EVENTS),
    version: fc.nat(1),
  });
  const distinct = {
    minLength: 1,
    maxLength: 4,
    selector: ({ session, kind }: Draft) => `${session} ${kind}`,
  };
  return fc.uniqueArray(draft, distinct).map((drafts) => {
    const ids = new Set<string>();
    return drafts.filter(({ op, eventId }) => op !== "save" || (!ids.has(eventId) && ids.add(eventId)));
  });
}

function inTenant(tenant: string, drafts: readonly Draft[]): Commit {
  const writes = drafts.map(({ op, session, kind, eventId, expect, version }): Write => {
    const slot: Slot = { tenant, user: "ann", session, run: "", kind };
    if (op === "check") return { op, slot, expect: expect ?? null };
    const condition = expect === undefined ? {} : { expect };
    if (op === "delete") return { op, slot, ...condition };
    const content = JSON.stringify([slot, eventId, version]);
    const fingerprint = createHash("sha256").update(content).digest("base64url");
    const record = { ...slot, eventId, fingerprint, version, updatedAt: 0, bytes: Buffer.from(content) };
    return { op, record, ...condition };
  });
  return { tenant, writes };
}

function comparable({ fingerprint, bytes, ...rest }: StoredRecord) {
  return {
    ...rest,
    fingerprint,
    bytes: Buffer.from(bytes).toString("hex"),
  };
}
