import assert from "node:assert/strict";
import type { Change, Expect, Identity, RecordKey, StateStore } from "../../src/index.js";
import { assertRecord, assertRejectedOnlyWith } from "../assertions/expect.js";
import type { CaseContext } from "./case.js";

/** How often each pair of slots is written. */
const ROUNDS = 6;

/** Two slots, and what both writers have seen in them. */
interface Pair {
  readonly what: string;
  readonly slots: readonly [RecordKey, RecordKey];
  readonly seen: readonly [Expect, Expect];
}

/**
 * Two writers have seen two slots. Each writes one of them, on condition that the other is still as it was seen. If both
 * succeeded, each would have written on top of what was no longer true: a write skew. The second writer uses `other`.
 */
export async function assertNoWriteSkew(
  context: CaseContext,
  other: StateStore,
  rounds = ROUNDS,
): Promise<void> {
  const pairs: Pair[] = [];
  for (let round = 0; round < rounds; round++) pairs.push(...(await pairsOf(context)));
  // All at once, so that commits of different pairs share batches.
  await Promise.all(pairs.map((pair, index) => race(context, other, pair, index % 2 === 0)));
}

/** The same with each pair of commits alone in its batches, so that nothing but these commits holds off one of the other. */
export async function assertNoLoneWriteSkew(context: CaseContext, other: StateStore): Promise<void> {
  for (const [index, pair] of (await pairsOf(context)).entries())
    await race(context, other, pair, index % 2 === 0);
}

async function pairsOf({ store, identity, record }: CaseContext): Promise<Pair[]> {
  const one = identity();
  const places: readonly (readonly [what: string, other: Identity])[] = [
    ["one session", one],
    ["two runs", { ...one, run: "another" }],
    ["two sessions", { ...one, session: "another" }],
    ["two users", { ...one, user: "another" }],
  ];
  const pairs: Pair[] = [];
  for (const [of, two] of places) {
    const slots = (kind: string) =>
      [
        { identity: one, kind: `${kind}, left of ${of}` },
        { identity: two, kind: `${kind}, right of ${of}` },
      ] as const;
    const [left, right] = slots("filled");
    const held = [record(one, left.kind), record(two, right.kind)] as const;
    await store.commit(held.map((each) => ({ op: "save", record: each })));
    const seen = [held[0].eventId, held[1].eventId] as const;
    pairs.push({ what: `filled slots of ${of}`, slots: [left, right], seen });
    pairs.push({ what: `empty slots of ${of}`, slots: slots("empty"), seen: [null, null] });
  }
  return pairs;
}

async function race(
  { store, record }: CaseContext,
  other: StateStore,
  { what, slots, seen }: Pair,
  checksFirst: boolean,
): Promise<void> {
  const saves = slots.map(({ identity, kind }) => record(identity, kind));
  const commit = (by: StateStore, mine: 0 | 1, theirs: 0 | 1) => {
    const changes: Change[] = [
      { op: "check", ...slots[theirs], expect: seen[theirs] },
      { op: "save", record: saves[mine] as (typeof saves)[number], expect: seen[mine] },
    ];
    return by.commit(checksFirst ? changes : changes.toReversed());
  };
  const outcomes = await Promise.allSettled([commit(store, 0, 1), commit(other, 1, 0)]);
  assertRejectedOnlyWith(["CONDITION_FAILED"], outcomes, what);
  const won = saves.filter((_, index) => outcomes[index]?.status === "fulfilled");
  assert.equal(
    won.length,
    1,
    `${what}: ${won.length} of two commits that check each other's slots succeeded`,
  );
  for (const [index, { identity, kind }] of slots.entries()) {
    const found = await other.find(identity, kind);
    const saved = saves[index] as (typeof saves)[number];
    if (won.includes(saved)) assertRecord(found, saved, `${what}: the winner's`);
    else assert.equal(found?.eventId ?? null, seen[index], `${what}: what the loser did not write`);
  }
}
