import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { newEventId, type StateStore, tenantIdentity, userIdentity } from "../../src/index.js";
import { createLedger, type LedgerEntry, type NewLedgerEntry } from "../../src/ledger/index.js";
import { failure } from "../store/store-rig.js";
import { losingAnswers } from "../typed/lost-answers.js";
import { newSession, onEveryStore } from "../typed/stores.js";
import { expectBalanced } from "./accounts.js";

const CALL: NewLedgerEntry = {
  provider: "anthropic",
  model: "opus",
  promptTokens: 100,
  completionTokens: 20,
  cost: "0.01",
};

/** Every record of a ledger of version 0.4: `owner` is the user, or `~` for the tenant. */
const WRITTEN_BY_0_4: readonly {
  readonly owner: string;
  readonly kind: string;
  readonly version: number;
  readonly value: unknown;
}[] = JSON.parse(readFileSync(new URL("written-by-0.4.json", import.meta.url), "utf8"));

onEveryStore((opened) => {
  const ledger = () => createLedger(opened.store);

  describe("record refuses", () => {
    test.each<[string, string, object]>([
      ["no provider", "provider", { provider: undefined }],
      ["an empty model", "model", { model: "" }],
      ["a long model", "model", { model: "m".repeat(256) }],
      ["a lone surrogate", "model", { model: "\ud800" }],
      ["negative tokens", "promptTokens", { promptTokens: -1 }],
      ["half a token", "completionTokens", { completionTokens: 0.5 }],
      ["NaN tokens", "cachedReadTokens", { cachedReadTokens: Number.NaN }],
      ["tokens in text", "cachedWriteTokens", { cachedWriteTokens: "1" }],
      ["too many tokens", "promptTokens", { promptTokens: 1e9 + 1 }],
      ["money with too many digits", "cost", { cost: "0.0000000000001" }],
      ["negative money", "cost", { cost: "-1" }],
      ["a price that is known and missing", "cost", { cost: undefined, priced: true }],
      ["a price that is not known and given", "cost", { priced: false }],
      ["priced that is no boolean", "priced", { priced: "yes" }],
      ["an empty response id", "responseId", { responseId: "" }],
      ["a negative turn", "turn", { turn: -1 }],
      ["tags that are a list", "tags", { tags: ["a"] }],
      ["a tag that is no text", "tags", { tags: { team: 1 } }],
      ["17 tags", "tags", { tags: Object.fromEntries(Array.from({ length: 17 }, (_, i) => [`t${i}`, "x"])) }],
      ["a tag with a long name", "tags", { tags: { ["n".repeat(65)]: "x" } }],
      ["a date in the year 0", "at", { at: new Date("0000-12-31") }],
      ["a date that is none", "at", { at: new Date(Number.NaN) }],
      ["a date in text", "at", { at: "2026-01-01" }],
      ["an empty event id", "eventId", { eventId: "" }],
      ["a name it does not know", "entry", { dollars: 1 }],
    ])("%s", async (_, field, wrong) => {
      const who = newSession();
      const error = await failure(ledger().record(who, { ...CALL, ...wrong } as NewLedgerEntry));
      expect(error).toMatchObject({ code: "INVALID_RECORD", details: { field } });
      expect(await ledger().entries(who)).toEqual([]);
    });

    test("identities that are none, and those of a user's own state", async () => {
      const { tenant, user } = newSession();
      await expect(ledger().record({ tenant, user } as never, CALL)).rejects.toMatchObject({
        code: "IDENTITY_REQUIRED",
      });
      await expect(ledger().record(userIdentity(tenant, user), CALL)).rejects.toMatchObject({
        code: "INVALID_RECORD",
      });
      await expect(ledger().record({ tenant, user, session: "~" }, CALL)).rejects.toMatchObject({
        code: "INVALID_RECORD",
      });
    });

    test("scopes in which a part was forgotten, which would be wider than was meant", async () => {
      const { tenant } = newSession();
      const forgotten = { tenant, user: undefined } as never;
      await expect(ledger().totals(forgotten)).rejects.toMatchObject({
        code: "IDENTITY_REQUIRED",
        details: { field: "user" },
      });
      await expect(ledger().totals({ tenant, session: "s1" })).rejects.toMatchObject({
        details: { field: "user" },
      });
      await expect(ledger().summarize(forgotten, { by: "model" })).rejects.toMatchObject({
        code: "IDENTITY_REQUIRED",
        details: { field: "user" },
      });
      await expect(ledger().summarize({ tenant }, { by: "colour" as never })).rejects.toMatchObject({
        details: { field: "by" },
      });
    });
  });

  test("an entry comes back as it was recorded, in the order of time and not of recording", async () => {
    const run = { ...newSession(), run: "r1" };
    const at = (second: number) => new Date(Date.UTC(2026, 0, 1, 0, 0, second));
    const whole = {
      ...CALL,
      cachedReadTokens: 3,
      cachedWriteTokens: 4,
      responseId: "resp-1",
      turn: 2,
      runName: "triage",
      tags: { team: "search", env: "prod" },
      eventId: "e1",
    };
    await ledger().record(run, { ...CALL, at: at(2) });
    await ledger().record(run, { ...whole, at: at(1) });
    const { cost: _, ...unpriced } = CALL;
    await ledger().record({ ...run, run: "r2" }, { ...unpriced, at: at(0) });
    const entries = await ledger().entries(run);
    expect(entries.map((entry) => entry.at)).toEqual([at(1), at(2)]);
    expect(entries[0]).toEqual({ id: expect.any(String), ...run, ...whole, priced: true, at: at(1) });
    const { tenant, user, session } = run;
    const all = await ledger().entries({ tenant, user, session });
    expect(all.map((entry) => [entry.run, entry.priced, entry.cost])).toEqual([
      ["r2", false, "0"],
      ["r1", true, "0.01"],
      ["r1", true, "0.01"],
    ]);
    expect(await ledger().entries(run, { since: at(1), until: at(2) })).toHaveLength(1);
    expect(await ledger().entries({ tenant, user, session }, { since: at(1), limit: 1 })).toMatchObject([
      { at: at(1) },
    ]);
    expect(await ledger().entries({ ...run, tenant: `${tenant}2` })).toEqual([]);
    expect(await ledger().entries({ ...run, user: "bob" })).toEqual([]);
  });

  test("entries are paged by their ids, also those of one millisecond", async () => {
    const who = newSession();
    const at = new Date("2026-01-01");
    for (let index = 0; index < 7; index++) {
      await ledger().record({ ...who, run: `r${index % 2}` }, { ...CALL, turn: index, at });
    }
    for (const owner of [who, { ...who, run: "r0" }]) {
      const all = await ledger().entries(owner);
      const paged: typeof all = [];
      for (let page = all.slice(0, 0), first = true; first || page.length > 0; first = false) {
        const last = paged.at(-1);
        page = await ledger().entries(owner, { since: at, limit: 2, ...(last ? { after: last.id } : {}) });
        paged.push(...page);
      }
      expect(paged).toEqual(all);
      expect(all.length).toBe("run" in owner ? 4 : 7);
    }
  });

  test("counts of tokens may be undefined", async () => {
    const who = newSession();
    const { entry } = await ledger().record(who, { ...CALL, promptTokens: 3, cachedReadTokens: undefined });
    expect(entry).toMatchObject({ promptTokens: 3, cachedReadTokens: 0 });
  });

  test("a field that is present but undefined is refused", async () => {
    const who = newSession();
    const forgotten: [string, () => Promise<unknown>][] = [
      ["cost", () => ledger().record(who, { ...CALL, cost: undefined as never })],
      ["responseId", () => ledger().record(who, { ...CALL, responseId: undefined as never })],
      ["cost", () => ledger().setBudget(who, { calls: 1, cost: undefined as never })],
      ["tokens", () => ledger().reserve(who, { tokens: undefined as never })],
      ["since", () => ledger().summarize({ tenant: who.tenant }, { by: "day", since: undefined as never })],
      ["until", () => ledger().entries(who, { until: undefined as never })],
    ];
    for (const [field, call] of forgotten) {
      await expect(call()).rejects.toMatchObject({ code: "INVALID_RECORD", details: { field } });
    }
  });

  test("a clock of fractions is cut, and one that is none is refused before anything is written", async () => {
    const who = newSession();
    await createLedger(opened.store, { clock: () => 1_000.75 }).record(who, CALL);
    expect((await ledger().entries(who))[0]?.at).toEqual(new Date(1_000));
    for (const clock of [() => Number.NaN, () => new Date() as never, () => 1e20]) {
      const wrong = createLedger(opened.store, { clock });
      await expect(wrong.record(who, CALL)).rejects.toMatchObject({ details: { field: "clock" } });
      await expect(wrong.reserve(who, {})).rejects.toMatchObject({ details: { field: "clock" } });
    }
    expect(await ledger().entries(who)).toHaveLength(1);
  });

  test("totals of a run, a session, a user and a tenant are separate", async () => {
    const { tenant } = newSession();
    const places = [
      { tenant, user: "ann", session: "s1", run: "r1" },
      { tenant, user: "ann", session: "s1", run: "r2" },
      { tenant, user: "ann", session: "s2", run: "r1" },
      { tenant, user: "bob", session: "s1" },
    ];
    await Promise.all(
      places.map((place, index) => ledger().record(place, { ...CALL, cost: `0.${10 ** index}` })),
    );
    await ledger().record(places[0] as never, { provider: "local", model: "tiny", promptTokens: 1 });
    const cost = async (scope: Parameters<ReturnType<typeof ledger>["totals"]>[0]) =>
      (await ledger().totals(scope)).cost;
    expect(await cost({ tenant })).toBe("0.4");
    expect(await cost({ tenant, user: "ann" })).toBe("0.3");
    expect(await cost({ tenant, user: "ann", session: "s1" })).toBe("0.2");
    expect(await cost({ tenant, user: "ann", session: "s1", run: "r2" })).toBe("0.1");
    expect(await ledger().totals({ tenant, user: "ann", session: "s1", run: "r1" })).toEqual({
      calls: 2,
      unpricedCalls: 1,
      promptTokens: 101,
      completionTokens: 20,
      cachedReadTokens: 0,
      cachedWriteTokens: 0,
      tokens: 121,
      cost: "0.1",
    });
    expect(await cost({ tenant, user: "cecil" })).toBe("0");
    await expectBalanced(opened.store, tenant);
  });

  describe("an entry is recorded once", () => {
    test.each([
      ["its event id", { eventId: "e1" }],
      ["the provider's response id", { responseId: "resp-1" }],
      ["both", { eventId: "e1", responseId: "resp-1" }],
    ])("by %s, however often and at once", async (_, ids) => {
      const who = newSession();
      const receipts = await Promise.all(
        Array.from({ length: 20 }, () => ledger().record(who, { ...CALL, ...ids })),
      );
      expect(receipts.filter(({ duplicate }) => !duplicate)).toHaveLength(1);
      const [entry] = await ledger().entries(who);
      for (const receipt of receipts) expect(receipt.entry).toEqual(entry);
      expect((await ledger().totals(who)).calls).toBe(1);
      await expectBalanced(opened.store, who.tenant);
    });

    test("whichever component records the answer, with what it knows besides", async () => {
      const who = newSession();
      const first = await ledger().record(who, { ...CALL, responseId: "resp-1", eventId: "gateway" });
      const agent = {
        ...CALL,
        responseId: "resp-1",
        eventId: "agent",
        turn: 3,
        tags: { team: "a" },
        at: new Date(0),
      };
      const second = await ledger().record({ ...who, run: "r1" }, agent);
      expect([first.duplicate, second.duplicate]).toEqual([false, true]);
      expect(
        (await ledger().record({ ...who, session: "s2" }, { ...CALL, responseId: "resp-1" })).duplicate,
      ).toBe(true);
      // The second id is known from now on, too.
      const { responseId: _, ...again } = agent;
      await expect(ledger().record(who, { ...again, cost: "7" })).rejects.toMatchObject({
        code: "IDEMPOTENCY_CONFLICT",
      });
      await expect(ledger().record(who, { ...CALL, responseId: "resp-1", cost: "7" })).rejects.toMatchObject({
        code: "IDEMPOTENCY_CONFLICT",
      });
      expect(
        (await ledger().record(who, { ...CALL, responseId: "resp-1", provider: "openai" })).duplicate,
      ).toBe(false);
    });

    test.each<[string, object]>([
      ["another cost", { cost: "0.02" }],
      ["other tokens", { promptTokens: 101 }],
      ["another model", { model: "haiku" }],
      ["other tags", { tags: { team: "x" } }],
      ["another time", { at: new Date(0) }],
    ])("sent again with %s it is a conflict, and nothing changes", async (_, other) => {
      const who = newSession();
      const at = new Date("2026-01-01");
      await ledger().record(who, { ...CALL, eventId: "e1", at });
      await expect(ledger().record(who, { ...CALL, eventId: "e1", at, ...other })).rejects.toMatchObject({
        code: "IDEMPOTENCY_CONFLICT",
      });
      expect((await ledger().totals({ tenant: who.tenant })).calls).toBe(1);
    });

    test("ids of one tenant or user are nothing to another, nor event ids of one session", async () => {
      const who = newSession();
      expect((await ledger().record({ ...who, session: "s2" }, { ...CALL, eventId: "e1" })).duplicate).toBe(
        false,
      );
      for (const owner of [who, { ...who, user: "bob" }, newSession()]) {
        expect((await ledger().record(owner, { ...CALL, eventId: "e1", responseId: "r" })).duplicate).toBe(
          false,
        );
      }
    });
  });

  test("over an unreliable connection every entry is counted once, also when its id is sent again and again", async () => {
    const who = newSession();
    const unreliable = createLedger(losingAnswers(opened.store, { requests: 0.1, replies: 0.1 }));
    const once = async (index: number) => {
      for (;;) {
        try {
          return await unreliable.record(who, { ...CALL, eventId: `e${index}`, tags: { n: `${index % 3}` } });
        } catch (error) {
          expect(error).toMatchObject({ code: "OUTCOME_UNKNOWN", retryable: true });
        }
      }
    };
    await Promise.all(Array.from({ length: 100 }, (_, index) => once(index % 50)));
    expect((await ledger().totals(who)).calls).toBe(50);
    await expectBalanced(opened.store, who.tenant);
  });

  test("a damaged sum is CORRUPT with its slot, for those that it concerns alone", async () => {
    const who = newSession();
    await ledger().record({ ...who, run: "r1" }, CALL);
    const [damaged] = await opened.store.list(userIdentity(who.tenant, who.user), "ledger.total/run/");
    await damage(opened.store, damaged as never);
    const [bad, good] = await Promise.allSettled([
      ledger().record({ ...who, run: "r1" }, CALL),
      ledger().record({ ...who, run: "r2" }, CALL),
    ]);
    expect(bad).toMatchObject({ reason: { code: "CORRUPT", details: { at: { kind: damaged?.kind } } } });
    expect(good.status).toBe("fulfilled");
    expect((await ledger().totals({ tenant: who.tenant })).calls).toBe(2);
  });

  test("work that throws halfway writes nothing, and other work of the same commit takes effect", async () => {
    const who = newSession();
    const shared = ledger();
    await shared.record(who, { ...CALL, eventId: "e1" });
    await shared.setBudget(who, { calls: 100 });
    await shared.reserve(who, { id: "r1" });
    const [conflict, fine, duplicate] = await Promise.allSettled([
      shared.settle(who, "r1", { ...CALL, eventId: "e1", cost: "5" }),
      shared.settle(who, "r2", { ...CALL, cost: "0.5" }),
      shared.record(who, { ...CALL, eventId: "e1" }),
    ]);
    expect([conflict.status, fine.status, duplicate.status]).toEqual(["rejected", "fulfilled", "fulfilled"]);
    expect((await shared.totals(who)).cost).toBe("0.51");
    expect((await shared.budget(who))?.reserved.calls).toBe(1);
    await expectBalanced(opened.store, who.tenant);
  });

  test("an abort before the work began records nothing, and its neighbours go on", async () => {
    const who = newSession();
    const given = new AbortController();
    const neighbour = ledger();
    const first = neighbour.record(who, CALL);
    const aborted = neighbour.record(who, CALL, { signal: given.signal });
    given.abort(new Error("enough"));
    await expect(aborted).rejects.toThrow("enough");
    await first;
    expect((await ledger().totals(who)).calls).toBe(1);
  });
});

async function damage(
  store: StateStore,
  { identity, kind }: { identity: never; kind: string },
): Promise<void> {
  await store.save({
    eventId: `damage-${kind}`,
    identity,
    kind,
    bytes: Buffer.from('{"sums":{"calls":"many"}}'),
  });
}

onEveryStore((opened) => {
  test("what version 0.4 stored is read, counted on and upgraded in place", async () => {
    const who = { tenant: `old-${newEventId()}`, user: "ada", session: "s-1", run: "r-1" };
    const { tenant, user } = who;
    for (const { owner, kind, version, value } of WRITTEN_BY_0_4)
      await opened.store.save({
        eventId: newEventId(),
        identity: owner === "~" ? tenantIdentity(tenant) : userIdentity(tenant, owner),
        kind,
        version,
        bytes: Buffer.from(JSON.stringify(value)),
      });
    const now = Date.UTC(2026, 10, 30, 13);
    const ledger = createLedger(opened.store, { clock: () => now });
    expect((await ledger.totals({ tenant })).cost).toBe("0.513");
    expect((await ledger.entries(who)).map(({ cost, priced }) => [cost, priced])).toEqual([
      ["0.013", true],
      ["0", false],
      ["0.5", true],
    ]);
    expect(await ledger.budget({ tenant, user })).toEqual({
      limits: { cost: "10", tokens: 100_000, calls: 50 },
      spent: { cost: "0.513", tokens: 1410, calls: 3 },
      reserved: { cost: "2", tokens: 500, calls: 1 },
      remaining: { cost: "7.487", tokens: 98_090, calls: 46 },
    });
    const session = { tenant, user, session: "s-1" };
    expect((await ledger.budget(session))?.remaining).toEqual({ calls: 3 });
    // A call of then is a duplicate, and another under its id a conflict.
    const old = { provider: "openai", model: "mini", promptTokens: 10, eventId: "e-1" };
    expect((await ledger.record(who, old)).duplicate).toBe(true);
    await expect(ledger.record(who, { ...old, promptTokens: 11 })).rejects.toMatchObject({
      code: "IDEMPOTENCY_CONFLICT",
    });
    await expect(ledger.reserve(who, { id: "open", cost: "1", tokens: 500 })).rejects.toMatchObject({
      code: "IDEMPOTENCY_CONFLICT",
    });
    expect((await ledger.extend(who, "open", { ttlMs: 86_400_000 }))?.amounts).toEqual({
      cost: "2",
      tokens: 500,
      calls: 1,
    });
    await ledger.settle(who, "open", {
      provider: "p",
      model: "m",
      cost: "1",
      currency: "EUR",
      units: { images: 1 },
    });
    expect(await ledger.setBudget({ tenant, user }, { cost: "2", every: "month" })).toMatchObject({
      spent: { cost: "0.513" },
      reserved: { cost: "0", tokens: 0, calls: 0 },
    });
    const unpriced = (await ledger.entries(who))[1] as LedgerEntry;
    await ledger.adjust(who, unpriced.id, { reason: "priced", to: { cost: "0.1" } });
    expect(await ledger.totals(who)).toMatchObject({
      calls: 4,
      unpricedCalls: 0,
      cost: "0.613",
      costs: { EUR: "1" },
    });
    await expectBalanced(opened.store, tenant);
    expect(await ledger.forget(session)).toBe(5);
    await expectBalanced(opened.store, tenant);
  });
});
