import { describe, expect, onTestFinished, test } from "vitest";
import "../../drivers/index.js";
import {
  type MaintenanceScope,
  maintenanceScope,
  type StateStore,
  type UserIdentity,
} from "../../src/index.js";
import { createRuntime, openRuntime } from "../../src/runtime/index.js";
import { failure } from "../drivers/sqlite-rig.js";
import { manualClock, withMethods } from "../sessions/rig.js";
import { newSession, onEveryStore } from "../typed/stores.js";

const ALL = maintenanceScope({ reason: "tests", allTenants: true });
const DAY_MS = 86_400_000;

const userOf = ({ tenant, user }: UserIdentity): UserIdentity => ({ tenant, user });

describe("options", () => {
  const open = async (options: object) => {
    const runtime = await openRuntime("memory:", options as never);
    onTestFinished(() => runtime.close());
    return runtime;
  };

  test.each([
    ["an unknown wrapper", { session: {} }, /session/],
    ["an unknown option of a wrapper", { approvals: { requireOther: true } }, /requireOther/],
    ["one wrapper's option under another", { ledger: { audit: "off" } }, /audit/],
    ["no object", { runs: 1 }, /runs|options/],
    ["no object, with a clock", { clock: () => 0, runs: 1 }, /runs|options/],
    ["the store's among the wrappers'", { idempotencyWindowMs: 1 }, /idempotencyWindowMs/],
    ["an unknown option of the store", { store: { idempotencyWindow: 1 } }, /idempotencyWindow/],
  ])("%s is refused", async (_, options, words) => {
    const error = await failure(open(options));
    expect(error).toMatchObject({ code: "INVALID_RECORD" });
    expect(error.message).toMatch(words);
  });

  test("the store's beside a configuration are refused", async () => {
    const opening = openRuntime({ driver: "memory" }, { store: { idempotencyWindowMs: 1000 } } as never);
    expect(await failure(opening)).toMatchObject({ code: "INVALID_RECORD" });
  });

  test("the store's beside a URL reach it, and a store that cannot be opened is told as by openStore", async () => {
    const runtime = await open({ store: { maxBytes: 100_000 } });
    expect(runtime.store.limits.maxBytes).toBe(100_000);
    expect(await failure(openRuntime("nonsense:"))).toMatchObject({ code: "UNKNOWN_DRIVER" });
  });

  test("what is no store is refused", () => {
    expect(() => createRuntime({} as never)).toThrow(/store/);
  });

  test("a wrapper's own clock goes before the common one", async () => {
    const [common, own] = [manualClock(0), manualClock(5 * DAY_MS)];
    const { facts, runs } = await open({ clock: common, runs: { clock: own } });
    const who = newSession();
    const user = userOf(who);
    await facts.put(user, ["a"], "b", 1);
    expect((await facts.list(user, ["a"])).facts[0]?.learnedAt.getTime()).toBe(0);
    const { run } = await runs.start(who, { name: "r" });
    expect(run.createdAt.getTime()).toBe(5 * DAY_MS);
  });
});

onEveryStore((opened) => {
  test("all wrappers are on one store, and their calls fit into one commit", async () => {
    const runtime = createRuntime(opened.store);
    const { session } = await runtime.sessions.create(newSession());
    const who = session.identity;
    const unit = () =>
      runtime.together(async (unit) => {
        await runtime.sessions.in(unit).append(who, { id: "1", value: "one" });
        await runtime.ledger.in(unit).record(who, { eventId: "1", provider: "p", model: "m", cost: "0.5" });
        await runtime.facts.in(unit).put(userOf(who), ["known"], "it", true, { id: "1" });
      });
    await unit();
    await unit();
    expect((await runtime.sessions.read(who)).map(({ value }) => value)).toEqual(["one"]);
    expect(await runtime.ledger.totals(who)).toMatchObject({ calls: 1, cost: "0.5" });
    expect(await runtime.facts.get(userOf(who), ["known"], "it")).toBe(true);
  });

  test("maintenance does the work of each wrapper, and nothing twice", async () => {
    const clock = manualClock(Date.now());
    const runtime = createRuntime(opened.store, { clock });
    const who = newSession();
    await runtime.sessions.create(who);
    await runtime.approvals.request(who, { tool: "t", arguments: {}, requester: "ada", ttlMs: 1000 });
    await runtime.expiring.set(who, "group", "key", 1, { ttlMs: 1000 });
    await runtime.memories.add(userOf(who), "gone tomorrow", { ttlMs: 1000 });
    await runtime.results.put(who, { tool: "t", content: "text", ttlMs: 1000 });
    clock.forward(DAY_MS);
    expect(await runtime.maintain(ALL)).toMatchObject({
      approvals: 1,
      questions: 0,
      memories: 1,
      expiring: 1,
      results: 1,
    });
    expect(await runtime.maintain(ALL)).toMatchObject({
      approvals: 0,
      questions: 0,
      memories: 0,
      expiring: 0,
      results: 0,
    });
    expect(await failure(runtime.maintain({} as never))).toMatchObject({
      code: "MAINTENANCE_SCOPE_REQUIRED",
    });
  });

  test("what fails in one wrapper keeps no other from its turn, and is thrown", async () => {
    const clock = manualClock(Date.now());
    const listKind = (scope: MaintenanceScope, prefix: string, options: object) => {
      if (prefix.startsWith("approval")) throw new Error("approvals cannot be listed");
      return opened.store.listKind(scope, prefix, options);
    };
    const failing = withMethods(opened.store, { listKind } as unknown as Partial<StateStore>);
    const runtime = createRuntime(failing, { clock });
    const who = newSession();
    await runtime.expiring.set(who, "group", "key", 1, { ttlMs: 1000 });
    clock.forward(DAY_MS);
    await expect(runtime.maintain(ALL)).rejects.toThrow("approvals cannot be listed");
    expect(await opened.store.count(who, "")).toBe(0);
  });

  test("an abort ends the maintenance", async () => {
    const reason = new Error("enough");
    await expect(
      createRuntime(opened.store).maintain(ALL, { signal: AbortSignal.abort(reason) }),
    ).rejects.toBe(reason);
  });
});
