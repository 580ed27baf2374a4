import assert from "node:assert/strict";
import { describe, expect, test } from "vitest";
import { type CaseResult, conformanceTests, type Harness, runConformance } from "../../conformance/index.js";
import {
  closestInTenant,
  identitiesWithSamePrefix,
  inTenantBefore,
  inTenantBehind,
} from "../../conformance/inputs/closest-identities.js";
import { brokenDriver } from "../../conformance/mutants/mutant.js";
import { compareText, type Identity, validateIdentity } from "../../src/index.js";
import { isSoak } from "../soak.js";
import { built } from "./built.js";
import { CASE_MS } from "./case-limit.js";

/** Whole runs go faster over what was built. */
const { cases, mutants, referenceHarness } = built;

const besideMutants = mutants.filter(({ beside }) => beside);
const NAMES = [
  "session",
  "a",
  "a:b",
  "\u00e9",
  "😀",
  "\ue000",
  "\u{10ffff}",
  "x".repeat(255),
  "é".repeat(127),
];
const CHANGED = /^another's data, which lay beside this case, changed/;

/** What the case that catches them would not notice by itself. */
const UNNOTICED = [
  "counts-its-own-and-erases-more",
  "deletes-by-event-id",
  "forgets-content-of-every-tenant",
];

/** All but those that bring neighbours of their own, and so see much of what another's data shows. */
const ALONE = cases.filter(({ bringsNeighbours }) => !bringsNeighbours).map(({ id }) => id);

/** Each mutant passes all of them in the soak; in a short run each passes its part, and together they pass all. */
function casesAlone(id: string): readonly string[] {
  if (isSoak) return ALONE;
  const parts = besideMutants.length;
  const part = besideMutants.findIndex((mutant) => mutant.id === id);
  return ALONE.filter((_, index) => index % parts === part);
}

describe.concurrent("mutants that only another's data shows", () => {
  test.each(besideMutants)(
    "$id passes every case alone and is caught by $breaks",
    { timeout: 240_000 },
    async ({ id, breaks, harness }) => {
      const plain = await built.runConformance(harness, {
        only: casesAlone(id),
        concurrency: 2,
        timeoutMs: CASE_MS,
      });
      assert.deepEqual(
        plain.results.filter(({ outcome }) => outcome === "failed").map((result) => result.id),
        [],
        "without another's data nothing shows",
      );
      const { results } = await built.runConformance(harness, {
        only: breaks,
        beside: true,
        timeoutMs: CASE_MS,
      });
      assert.equal(results[0]?.outcome, "failed", `${breaks} must fail on ${harness.name}`);
      if (UNNOTICED.includes(id)) assert.match(results[0]?.error?.message ?? "", CHANGED);
    },
  );

  test("there are some", () => {
    const ids = besideMutants.map(({ id }) => id);
    assert.ok(ids.length >= 7);
    assert.ok(UNNOTICED.every((id) => ids.includes(id)));
  });
});

test("another's data lies beside every case that has an identity to lie beside", async () => {
  const ids = cases.map(({ id }) => id).filter((id) => !id.startsWith("window/"));
  const counted = await Promise.all(
    Array.from({ length: SIDE_BY_SIDE }, (_, part) =>
      savesBeside(ids.filter((_, index) => index % SIDE_BY_SIDE === part)),
    ),
  );
  const saved = new Map(counted.flatMap((each) => [...each]));
  const without = cases.filter(
    ({ id, needs, bringsNeighbours }) => saved.get(id) === 0 && needs === undefined && !bringsNeighbours,
  );
  expect(without.map(({ id }) => id)).toEqual([
    "misuse/no-identity",
    "misuse/record-required",
    "misuse/rejects",
    "limits/defaults",
    "list-kind/scope-required",
    "list-kind/prefix-required",
  ]);
}, 240_000);

/** How many runs go side by side; in each of them the cases follow one another. */
const SIDE_BY_SIDE = 4;

/** How many records of another's were saved beside each of these cases. */
async function savesBeside(only: readonly string[]): Promise<ReadonlyMap<string, number>> {
  const saved = new Map<string, number>();
  let count = 0;
  const harness: Harness = {
    ...referenceHarness,
    async open(space, options) {
      const store = await referenceHarness.open(space, options);
      const commit = store.commit.bind(store);
      return Object.assign(store, {
        commit(...given: Parameters<typeof commit>) {
          const first = Array.isArray(given[0]) ? given[0][0] : undefined;
          if (first?.op === "save" && first.record?.updatedAt?.getFullYear() === 2001) count++;
          return commit(...given);
        },
      });
    },
  };
  const onResult = ({ id }: CaseResult) => {
    saved.set(id, count);
    count = 0;
  };
  const { failed, mode } = await built.runConformance(harness, {
    only,
    beside: true,
    concurrency: 1,
    timeoutMs: CASE_MS,
    onResult,
  });
  expect([failed, mode]).toEqual([0, "beside"]);
  return saved;
}

describe("what changes after a case has ended", () => {
  /** Takes along, when it is closed, what the tenants behind others have. */
  const late = brokenDriver(
    "late",
    "",
    (base) =>
      class extends base {
        override async close(): Promise<void> {
          for (const [key, { tenant }] of this.space.records)
            if (tenant.endsWith("\u0001~")) this.space.records.delete(key);
        }
      },
  ).harness;
  const options = { only: "save/version", beside: true };

  test("fails the case that it lay beside, and tells of it again", async () => {
    const told: CaseResult[] = [];
    const report = await runConformance(late, { ...options, onResult: (result) => told.push(result) });
    expect(told.map(({ id, outcome }) => [id, outcome])).toEqual([
      ["save/version", "passed"],
      ["save/version", "failed"],
    ]);
    expect(report).toMatchObject({ passed: 0, failed: 1 });
    expect(report.results[0]?.error?.message).toMatch(CHANGED);
  });

  test("rejects where a test runner ends", async () => {
    const bodies: (() => Promise<void>)[] = [];
    const ends: (() => Promise<void>)[] = [];
    const names: string[] = [];
    const collect = (_: string, body: () => Promise<void>) => bodies.push(body);
    const runner = {
      describe(name: string, body: () => void) {
        names.push(name);
        body();
      },
      test: Object.assign(collect, { skip: collect, concurrent: collect }),
      afterAll: (body: () => Promise<void>) => ends.push(body),
    };
    conformanceTests(runner, late, options);
    for (const body of bodies) await body();
    expect(names).toEqual(["conformance of late, beside another's data"]);
    await expect(ends[0]?.()).rejects.toThrow(CHANGED);
  });
});

describe("the identities closest to one", () => {
  test.each(NAMES)("come right before and behind %j, and are never the same", (name) => {
    const owner = { tenant: name, user: name, session: name, run: "run" };
    const [before] = inTenantBefore(owner);
    const [behind] = inTenantBehind(owner);
    if (before) expect(compareText(before.tenant, name)).toBeLessThan(0);
    if (behind) expect(compareText(behind.tenant, name)).toBeGreaterThan(0);
    expect([before, behind].filter(Boolean).length).toBeGreaterThan(0);
    for (const { user, session } of closestInTenant(owner)) expect([user, session]).not.toEqual([name, name]);
    for (const { user, session } of identitiesWithSamePrefix(owner)) {
      expect(user.startsWith(name) && session.startsWith(name)).toBe(true);
      expect([user, session]).not.toEqual([name, name]);
    }
  });

  test("nothing an ordinary name could be lies in between", () => {
    const owner = { tenant: "acme", user: "ada", session: "s", run: "" };
    const [before, behind] = [inTenantBefore(owner), inTenantBehind(owner)] as [[Identity], [Identity]];
    for (const between of ["acma", "acmd", "acmdz", "acmd\u{1f600}"])
      expect(compareText(between, before[0].tenant)).toBeLessThan(0);
    for (const between of ["acme!", "acme-2", "acme/", "acmf"])
      expect(compareText(between, behind[0].tenant)).toBeGreaterThan(0);
  });

  test("a user's own state has that of other users beside it, and a tenant's that of other tenants", () => {
    const users = { tenant: "acme", user: "ada", session: "~", run: "" };
    for (const identity of [
      ...closestInTenant(users),
      ...inTenantBehind(users),
      ...identitiesWithSamePrefix(users),
    ]) {
      expect(identity.session).toBe("~");
      expect(() => validateIdentity(identity)).not.toThrow();
    }
    const tenants = { ...users, user: "~" };
    expect([...closestInTenant(tenants), ...identitiesWithSamePrefix(tenants)]).toEqual([]);
    expect(inTenantBehind(tenants)).toEqual([{ tenant: "acme\u0001~", user: "~", session: "~" }]);
  });
});
