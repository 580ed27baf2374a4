import { expect, onTestFinished, test } from "vitest";
import "../../drivers/index.js";
import { openPostgres } from "../../drivers/postgres/index.js";
import { isStateError } from "../../src/contract/errors.js";
import type { StateStore } from "../../src/contract/store.js";
import { newEventId } from "../../src/process/event-id.js";
import { openStore } from "../../src/store/registry.js";
import { startPgBouncer } from "../postgres/pgbouncer.js";
import { failOnUncaughtErrors, failureWithin, freshDatabase } from "./postgres-rig.js";

failOnUncaughtErrors();

const CALLERS = 32;

async function bouncer(settings?: Record<string, string | number>) {
  const direct = await freshDatabase();
  const pooler = await startPgBouncer(direct, settings);
  onTestFinished(pooler.stop);
  return { direct, pooler };
}

async function openThrough(url: string): Promise<StateStore> {
  const store = await openStore(url, { prepare: false, poolSize: 3, timeoutMs: 5000 });
  onTestFinished(() => store.close());
  return store;
}

/** Callers that save one value after another, each in its own slot, and the acknowledged values. */
class Load {
  readonly acknowledged = new Map<number, number>();
  readonly failures = new Set<string>();
  saves = 0;
  #over = false;
  readonly #callers: Promise<void>[];

  constructor(stores: readonly StateStore[]) {
    this.#callers = Array.from({ length: CALLERS }, (_, caller) =>
      this.#call(stores[caller % stores.length] as StateStore, caller),
    );
  }

  async until(condition: () => boolean): Promise<void> {
    await expect.poll(condition, { timeout: 25_000, interval: 10 }).toBe(true);
  }

  async stop(): Promise<void> {
    this.#over = true;
    await Promise.all(this.#callers);
  }

  /** Every acknowledged value, or a later one whose answer was lost. */
  async lost(store: StateStore): Promise<number[]> {
    const lost: number[] = [];
    for (const [caller, value] of this.acknowledged) {
      const { bytes, version } = await store.load(identityOf(caller), "value");
      if (version < value || Buffer.from(bytes).toString() !== textOf(caller, version)) lost.push(caller);
    }
    return lost;
  }

  async #call(store: StateStore, caller: number): Promise<void> {
    for (let version = 1; !this.#over; version++) {
      const bytes = Buffer.from(textOf(caller, version));
      try {
        await store.save({
          eventId: newEventId(),
          identity: identityOf(caller),
          kind: "value",
          version,
          bytes,
        });
        this.acknowledged.set(caller, version);
        this.saves++;
      } catch (error) {
        if (!isStateError(error)) throw error;
        this.failures.add(error.code);
      }
    }
  }
}

function identityOf(caller: number) {
  return { tenant: `t${caller % 4}`, user: "u", session: `s${caller}` };
}

function textOf(caller: number, version: number): string {
  return `${caller}:${version}:${"x".repeat((caller * version) % 3000)}`;
}

test("behind it, with prepare: false, saves under load are kept, also across its restart", async () => {
  const { direct, pooler } = await bouncer();
  const stores = await Promise.all([openThrough(pooler.url), openThrough(pooler.url)]);
  const load = new Load(stores);
  await load.until(() => load.saves > 1000);
  expect([...load.failures]).toEqual([]);

  for (let restart = 0; restart < 3; restart++) {
    await pooler.restart();
    const before = load.saves;
    await load.until(() => load.saves > before + 300);
  }
  await load.stop();
  for (const code of load.failures) expect(["UNAVAILABLE", "OUTCOME_UNKNOWN"]).toContain(code);

  const directStore = await openStore(direct);
  onTestFinished(() => directStore.close());
  expect(load.acknowledged.size).toBe(CALLERS);
  expect(await load.lost(directStore)).toEqual([]);
});

test("behind it a long list comes in chunks on one connection, during saves", async () => {
  const { pooler } = await bouncer();
  const store = await openThrough(pooler.url);
  const identity = { tenant: "acme", user: "ann", session: "long" };
  const kinds = Array.from({ length: 1000 }, (_, index) => `kind/${1000 + index}`);
  for (let from = 0; from < kinds.length; from += 250) {
    const some = kinds.slice(from, from + 250);
    await store.commit(
      some.map((kind) => ({
        op: "save",
        record: { identity, kind, eventId: newEventId(), bytes: Buffer.alloc(2000), version: 0 },
      })),
    );
  }
  const load = new Load([store]);
  for (let time = 0; time < 5; time++)
    expect((await store.list(identity, "kind/")).map(({ kind }) => kind)).toEqual(kinds);
  await load.stop();
  expect([...load.failures]).toEqual([]);
  expect(await load.lost(store)).toEqual([]);
});

test("behind it, with prepare: true, opening says which setting it does not keep, and what to do", async () => {
  const { pooler } = await bouncer();
  const error = await failureWithin(10_000, openPostgres({ url: pooler.url, timeoutMs: 3000 }));
  expect(error).toMatchObject({ code: "UNAVAILABLE", details: { reason: "setup" } });
  expect(error.message).toMatch(/does not keep the setting \w+: open with prepare: false/);
});

test("a setting of the URL that it does not keep is named as well", async () => {
  const { pooler } = await bouncer();
  const url = `${pooler.url}?search_path=mine`;
  const error = await failureWithin(10_000, openPostgres({ url, prepare: false, timeoutMs: 3000 }));
  expect(error).toMatchObject({ code: "UNAVAILABLE", details: { reason: "setup" } });
  expect(error.message).toContain("search_path");
});

test("configured to ignore settings, it is refused with prepare: true, or works", async () => {
  const ignored =
    "statement_timeout,lock_timeout,idle_in_transaction_session_timeout,bytea_output,array_nulls,default_transaction_isolation,search_path,extra_float_digits,row_security,default_transaction_read_only,synchronous_commit,tcp_user_timeout,tcp_keepalives_idle,tcp_keepalives_interval,tcp_keepalives_count,client_min_messages";
  const { direct, pooler } = await bouncer({ ignore_startup_parameters: ignored });
  const opening = openStore(pooler.url, { poolSize: 3, timeoutMs: 3000 });
  const store = await opening.catch((error: unknown) => error as Error);
  if (store instanceof Error) {
    expect(store).toMatchObject({ code: "UNAVAILABLE", details: { reason: "setup" } });
    expect(store.message).toContain("prepare: false");
    return;
  }
  onTestFinished(() => store.close());
  const load = new Load([store]);
  await load.until(() => load.saves > 500);
  await load.stop();
  const directStore = await openStore(direct);
  onTestFinished(() => directStore.close());
  expect(await load.lost(directStore)).toEqual([]);
});

test("without its server it is not reported as misconfigured", async () => {
  const missingDatabase = new URL(await freshDatabase());
  missingDatabase.port = "1";
  const pooler = await startPgBouncer(missingDatabase.href);
  onTestFinished(pooler.stop);
  const error = await failureWithin(
    20_000,
    openPostgres({ url: pooler.url, prepare: false, timeoutMs: 1000, openTimeoutMs: 1000 }),
  );
  expect(error).toMatchObject({ code: "UNAVAILABLE", details: { reason: "unreachable" } });
});
