import { describe, expect, test } from "vitest";
import { namesOf } from "../../drivers/postgres/names.js";
import { sessionKey } from "../../drivers/postgres/session-locks.js";
import { createStore, newEventId } from "../../src/index.js";
import {
  apply,
  commit,
  connectWith,
  failOnUncaughtErrors,
  migratedDatabase,
  open,
  plainClient,
  record,
  type Sent,
  SLOT,
} from "./postgres-rig.js";

failOnUncaughtErrors();

const TENANTS = ["tenant-a", "tenant-b", "tenant-c"];
const identityOf = (tenant: string) => ({ tenant, user: "ann", session: "s" });
const tenantsIn = ({ parameters }: Sent) => {
  const text = parameters.map(String).join();
  return TENANTS.filter((tenant) => text.includes(tenant));
};

/** A store that works for all tenants at once, while the sessions of two are locked for a moment. */
async function statementsWith(batch: "tenant" | "shared") {
  const url = await migratedDatabase();
  const sent: Sent[] = [];
  const connect = connectWith(url, (statement, run) => {
    sent.push(statement);
    return run();
  });
  const driver = await open({ connect, batch });
  const store = createStore(driver, { layers: driver.layers ?? [] });
  const other = plainClient(url);
  const keys = ["tenant-a", "tenant-b"].map((tenant) =>
    sessionKey(namesOf("groundstate", ""), `'${tenant}'`, "'ann'", "'s'"),
  );
  for (const key of keys) await other.unsafe(`SELECT pg_advisory_lock(${key})`);
  const each = <T>(call: (tenant: string, kind: string) => T) =>
    ["1", "2", "3"].flatMap((kind) => TENANTS.map((tenant) => call(tenant, kind)));
  const saves = each((tenant, kind) =>
    store.save({ eventId: newEventId(), identity: identityOf(tenant), kind, bytes: Buffer.from(tenant) }),
  );
  // The saves of the third tenant do not wait for the other two.
  await Promise.all(saves.filter((_, index) => index % 3 === 2));
  await other.unsafe("SELECT pg_advisory_unlock_all()");
  await Promise.all(saves);
  const found = await Promise.all(each((tenant, kind) => store.find(identityOf(tenant), kind)));
  const contents = found.map((each) => Buffer.from(each?.bytes ?? []).toString());
  return { contents, mixed: sent.filter((statement) => tenantsIn(statement).length > 1) };
}

describe('batch: "tenant"', () => {
  test("sends no statement about two tenants, also for commits that wait for locks, and for reads", async () => {
    const { contents, mixed } = await statementsWith("tenant");
    expect(contents).toEqual([...TENANTS, ...TENANTS, ...TENANTS]);
    expect(mixed).toEqual([]);
  });

  test('"shared" mixes the tenants (control)', async () => {
    const { contents, mixed } = await statementsWith("shared");
    expect(contents).toEqual([...TENANTS, ...TENANTS, ...TENANTS]);
    expect(mixed.length).toBeGreaterThan(1);
  });

  test("refuses calls of two tenants, and a store over a layer that hides the wish divides them", async () => {
    const driver = await open({ url: await migratedDatabase(), batch: "tenant" });
    const refused = { code: "UNAVAILABLE", details: { reason: "refused" } };
    const commits = TENANTS.map((tenant) => commit({ op: "save", record: record({ tenant }) }));
    await expect(apply(driver, commits)).rejects.toMatchObject(refused);
    const slots = TENANTS.map((tenant) => ({ ...SLOT, tenant }));
    await expect(driver.read(slots)).rejects.toMatchObject(refused);
    await expect(driver.readEventIds?.(slots)).rejects.toMatchObject(refused);

    const hiding = new Proxy(driver, {
      get: (_, key) => {
        if (key === "batchesOneTenant") return undefined;
        const value: unknown = Reflect.get(driver, key);
        return typeof value === "function" ? value.bind(driver) : value;
      },
    });
    const store = createStore(hiding);
    await Promise.all(
      TENANTS.map((tenant) =>
        store.save({
          eventId: newEventId(),
          identity: identityOf(tenant),
          kind: "k",
          bytes: Buffer.from("x"),
        }),
      ),
    );
    const found = await Promise.all(TENANTS.map((tenant) => store.load(identityOf(tenant), "k")));
    expect(found.map(({ identity }) => identity.tenant)).toEqual(TENANTS);
  });
});
