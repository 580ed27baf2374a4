import { createApprovals } from "../../../dist/src/approvals/index.js";
import {
  type Identity,
  maintenanceScope,
  type NewRecord,
  newEventId,
  type StateStore,
} from "../../../dist/src/index.js";
import { openFresh, type Place } from "../fresh-store.js";
import { longestStalls } from "../longest-stalls.js";
import type { StallResult } from "../results.js";

export interface StallsInput extends Place {
  /** The size of the long list of large records. */
  readonly listMiB: number;
  /** How many small records are listed, and erased. */
  readonly records: number;
  /** How many tenants have an approval that is swept. */
  readonly tenants: number;
  /** How often what can be repeated is. */
  readonly times: number;
}

type Measure = (operation: string, work: () => Promise<unknown>, times?: number) => Promise<void>;

const MIB = 1024 * 1024;
const LARGEST = 16;
const COMMIT = 250;
const APPROVALS = 30;
const ARGUMENT_BYTES = 670 * 1024;
const TOO_LARGE_BYTES = 30 * MIB;
const YEAR_MS = 365 * 86_400_000;

/** The longest time for which each of these operations kept the event loop from all others. */
export async function run(input: StallsInput): Promise<StallResult[]> {
  const store = await openFresh(input);
  const results: StallResult[] = [];
  const measure: Measure = async (operation, work, times = input.times) => {
    results.push({ driver: input.driver, operation, ...(await longestStalls(times, work)) });
  };
  await payloads(store, measure);
  await lists(store, measure, input);
  // Before there are large ones, which a sweep would read too.
  await sweeps(store, measure, input.tenants);
  await approvals(store, measure);
  await store.close();
  return results;
}

async function payloads(store: StateStore, measure: Measure): Promise<void> {
  const one = sessionOf("one");
  const whole = Buffer.alloc(LARGEST * MIB, 1);
  await measure("save 16 MiB", () => store.save(recordOf(one, "whole", whole)));
  await measure("load 16 MiB", () => store.load(one, "whole"));
  await measure("commit 16 MiB", () => commit(store, one, "part", ofOneMiB()));
}

async function lists(store: StateStore, measure: Measure, { listMiB, records }: StallsInput): Promise<void> {
  const [large, many] = [sessionOf("large"), sessionOf("many")];
  for (let at = 0; at < listMiB; at += LARGEST) await commit(store, large, `part/${at}`, ofOneMiB());
  await measure(`list ${listMiB} MiB`, () => store.list(large, ""));
  const small = Array.from({ length: COMMIT }, (_, index) => Buffer.from(`small ${index}`));
  for (let at = 0; at < records; at += COMMIT) await commit(store, many, `small/${at}`, small);
  const count = records.toLocaleString("en-US");
  await measure(`list ${count} records`, () => store.list(many, ""));
  await measure(`erase ${count} records`, () => store.erase(many), 1);
}

async function approvals(store: StateStore, measure: Measure): Promise<void> {
  const gates = createApprovals(store);
  const call = { tool: "tool", arguments: rowsOf(ARGUMENT_BYTES) };
  let round = 0;
  const identity = () => sessionOf(`approvals-${round}`);
  await measure(`approvals.request, ${APPROVALS} of 670 KiB`, async () => {
    round++;
    await Promise.all(Array.from({ length: APPROVALS }, () => gates.request(identity(), call)));
  });
  await measure(`approvals.list, ${APPROVALS} of 670 KiB`, () =>
    gates.list(identity(), { limit: APPROVALS }),
  );
  const tooLarge = { tool: "tool", arguments: rowsOf(TOO_LARGE_BYTES) };
  await measure("approvals.request, refused for 30 MiB", () =>
    gates.request(identity(), tooLarge).then(
      () => Promise.reject(new Error("30 MiB of arguments were taken")),
      () => {},
    ),
  );
}

async function sweeps(store: StateStore, measure: Measure, tenants: number): Promise<void> {
  const gates = createApprovals(store);
  for (let at = 0; at < tenants; at += COMMIT) {
    const asked = Array.from({ length: Math.min(COMMIT, tenants - at) }, (_, index) =>
      gates.request(
        { tenant: `tenant-${at + index}`, user: "ada", session: "session" },
        { tool: "tool", arguments: {}, ttlMs: YEAR_MS },
      ),
    );
    await Promise.all(asked);
  }
  const scope = maintenanceScope({ reason: "bench", allTenants: true });
  const count = tenants.toLocaleString("en-US");
  await measure(`expireOverdue over ${count} tenants`, () => gates.expireOverdue(scope));
  await measure(`recover over ${count} tenants`, async () => {
    for await (const approval of gates.recover(scope)) void approval;
  });
}

/** Rows of about 100 bytes. */
function rowsOf(bytes: number): object[] {
  return Array.from({ length: Math.floor(bytes / 100) }, (_, id) => ({
    id,
    name: `row ${id}`,
    tags: ["one", "two"],
    text: "some words that a row of a table has in it",
  }));
}

function ofOneMiB(): Uint8Array[] {
  return Array.from({ length: LARGEST }, (_, index) => Buffer.alloc(MIB, index));
}

function commit(
  store: StateStore,
  identity: Identity,
  prefix: string,
  payloads: readonly Uint8Array[],
): Promise<unknown> {
  const records = payloads.map((bytes, index) => recordOf(identity, `${prefix}/${index}`, bytes));
  return store.commit(records.map((record) => ({ op: "save", record })));
}

function recordOf(identity: Identity, kind: string, bytes: Uint8Array): NewRecord {
  return { eventId: newEventId(), identity, kind, bytes };
}

function sessionOf(session: string): Identity {
  return { tenant: "tenant", user: "ada", session };
}
