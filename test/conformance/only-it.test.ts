import assert from "node:assert/strict";
import { test } from "vitest";
import { isSoak } from "../soak.js";
import { built } from "./built.js";

const { cases, mutants, referenceHarness, runConformance } = built;

/** Cases that take longer on the reference are left out: each mutant would meet them all. */
const QUICK_MS = 100;
/** How many cases a mutant meets before it is asked whether one has caught it. */
const AT_A_TIME = 55;

/**
 * Of these cases each mutant is caught by another one too: what they ask is asked in passing elsewhere. They stay, for they
 * name the rule.
 */
const SHARED: readonly string[] = [
  "abort/neighbours",
  "bytes/views",
  "close/only-itself",
  "close/refused-writes-nothing",
  "close/refuses-at-once",
  "close/refuses-later-calls",
  "close/writes-finish",
  "concurrency/compare-and-swap",
  "concurrency/in-the-order-of-calls",
  "concurrency/neighbours",
  "concurrency/one-slot",
  "concurrency/one-winner",
  "concurrency/opposite-orders",
  "concurrency/write-skew",
  "concurrency/write-skew-between-stores",
  "conditions/chain",
  "conditions/same-content-again",
  "durability/event-ids",
  "durability/records",
  "durability/stores-agree",
  "erase/bars-nothing",
  "erase/in-order",
  "erase/whole-session",
  "errors/invalid-names-field",
  "events/tells-others-nothing",
  "idempotency/every-order",
  "idempotency/racing-contents",
  "identity/each-field-tells-apart",
  "identity/reserved-copies",
  "identity/reserved-refused",
  "large-erase-prefix/one-step",
  "large-erase/leaves-what-comes-later",
  "large-erase/one-step",
  "list-kind/after",
  "list-kind/every-identity",
  "list-kind/inside-its-tenant",
  "list-kind/paging",
  "list-kind/prefix-required",
  "list-kind/scan-ends-loudly",
  "list-kind/sweep",
  "list/limit",
  "misuse/erase-with-a-run",
  "neighbours/erases",
  "neighbours/lists",
  "neighbours/saves",
  "save/comes-back",
  "save/replaces",
  "save/same-content",
  "stores/what-a-loser-reads",
  "stores/write-skew-alone",
  "watch/as-they-are",
  "watch/ends",
  "watch/last-state-arrives",
  "watch/latest-state",
  "watch/other-stores",
  "watch/own-changes",
  "watch/refuses-at-the-call",
];

test.runIf(isSoak)("every case has a mutant that it alone catches", { timeout: 3_600_000 }, async () => {
  const quick = await quickCases();
  const shared: string[] = [];
  for (const { id } of cases) {
    const own = mutants.filter(({ breaks, modulePath, beside }) => breaks === id && !modulePath && !beside);
    if (own.length > 0 && !(await someIsCaughtAlone(own, quick, id))) shared.push(id);
  }
  assert.deepEqual(
    shared.filter((id) => !SHARED.includes(id)),
    [],
  );
});

async function quickCases(): Promise<readonly string[]> {
  const { results } = await runConformance(referenceHarness, { concurrency: 1 });
  return results
    .filter(({ outcome, milliseconds }) => outcome === "passed" && milliseconds < QUICK_MS)
    .toSorted((a, b) => a.milliseconds - b.milliseconds)
    .map(({ id }) => id);
}

async function someIsCaughtAlone(
  own: typeof mutants,
  quick: readonly string[],
  id: string,
): Promise<boolean> {
  for (const { harness } of own) if (!(await isCaughtElsewhere(harness, quick, id))) return true;
  return false;
}

async function isCaughtElsewhere(
  harness: (typeof mutants)[number]["harness"],
  quick: readonly string[],
  id: string,
): Promise<boolean> {
  for (let from = 0; from < quick.length; from += AT_A_TIME) {
    const only = quick.slice(from, from + AT_A_TIME).filter((each) => each !== id);
    const { results } = await runConformance(harness, { only });
    if (results.some((result) => result.outcome === "failed" && result.id !== id)) return true;
  }
  return false;
}
