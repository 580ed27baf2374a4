import { describe, expect, test } from "vitest";
import { createStore, newEventId } from "../../src/index.js";
import { retrying } from "../../src/layers/index.js";
import { driverWith, saves } from "../store/store-rig.js";
import { applied, queueRig } from "./queue-rig.js";

const tenantsOf = (commits: readonly { readonly tenant: string }[]) =>
  [...new Set(commits.map(({ tenant }) => tenant))].join();

describe("batches of one tenant each", () => {
  const rig = () => queueRig({ oneTenant: true });
  const add = (queue: ReturnType<typeof rig>["queue"], tenant: string, count: number) =>
    Array.from({ length: count }, (_, index) =>
      queue.commit(saves(`${tenant}${index}`, [`${index}`], 1, tenant)),
    );

  test("hold commits of one tenant, and the tenants take turns", async () => {
    const { queue, batches, pump } = rig();
    const done = [...add(queue, "a", 3), ...add(queue, "b", 2), ...add(queue, "c", 1)];
    await pump();
    for (let index = 0; index < batches.length; index++) await batches[index]?.answer();
    await Promise.all(done);
    const sent = batches.map(({ commits }) => `${tenantsOf(commits)} ${commits.length}`);
    expect(sent).toEqual(["a 3", "b 2", "c 1"]);
  });

  test("do not make a tenant wait for more than one batch of each other, however much they have queued", async () => {
    const { queue, batches, pump } = rig();
    const done = [...add(queue, "a", 2000), ...add(queue, "b", 2000), ...add(queue, "c", 1)];
    await pump();
    for (let index = 0; index < batches.length; index++) {
      // They come back as soon as they are served.
      if (index < 8) done.push(queue.commit(saves(`again ${index}`, ["again"], 1, index % 2 ? "a" : "c")));
      await batches[index]?.answer();
    }
    await Promise.all(done);
    const order = batches.map(({ commits }) => tenantsOf(commits));
    for (const tenants of order) expect(tenants).toMatch(/^[abc]$/);
    expect(order.slice(0, 6).join("")).toBe("abcabc");
    for (const { commits } of batches) expect(commits.length).toBeLessThanOrEqual(256);
  });

  test("are mixed where the driver does not ask for it (control)", async () => {
    const { queue, batches, pump } = queueRig();
    const done = [...add(queue, "a", 3), ...add(queue, "b", 2)];
    await pump();
    await batches[0]?.answer();
    await Promise.all(done);
    expect(batches.map(({ commits }) => tenantsOf(commits))).toEqual(["a,b"]);
  });

  test("with two under way, a tenant whose slot is under way does not hold up the others", async () => {
    const { queue, batches, pump } = queueRig({ oneTenant: true, inFlight: 2 });
    const make = async (name: string, tenant: string) => {
      const done = queue.commit(saves(name, ["slot"], 1, tenant));
      await pump();
      return done;
    };
    void make("1", "a");
    await pump();
    void make("2", "a");
    void make("3", "b");
    await pump();
    expect(batches.map(({ ids }) => ids)).toEqual([["1/slot"], ["3/slot"]]);
    await batches[0]?.answer();
    expect(batches[2]?.ids).toEqual(["2/slot"]);
  });

  test("a tenant of commits larger than a batch sits out the turns that these took", async () => {
    const { queue, batches, pump } = rig();
    const MIB = 1024 * 1024;
    const large = (name: string) => queue.commit(saves(name, ["large"], 12 * MIB, "a"));
    const done = [large("1"), large("2"), ...add(queue, "b", 1)];
    await pump();
    for (let index = 0; index < batches.length; index++) {
      if (index > 0 && index < 6) done.push(queue.commit(saves(`b again ${index}`, ["b"], 1, "b")));
      await batches[index]?.answer();
    }
    await Promise.all(done);
    expect(batches.map(({ commits }) => tenantsOf(commits)).join("")).toMatch(/^abb+ab*$/);
  });
});

test("a store keeps the tenants apart in every call of a driver that asks for it, also through its layers", async () => {
  for (const batchesOneTenant of [true, undefined]) {
    const calls: string[] = [];
    const note = <T extends { readonly tenant: string }>(call: string, all: readonly T[]) =>
      void calls.push(`${call} ${tenantsOf(all)}`);
    const driver = driverWith({
      ...(batchesOneTenant === undefined ? {} : { batchesOneTenant }),
      async apply(commits) {
        note("apply", commits);
        return commits.map(({ writes }) => applied(writes.length));
      },
      async read(slots) {
        note("read", slots);
        return slots.map(() => undefined);
      },
      async readEventIds(slots) {
        note("ids", slots);
        return slots.map(() => undefined);
      },
    });
    const store = createStore(driver, { layers: [retrying()] });
    const tenants = ["a", "b", "c", "a", "b", "c"];
    const identities = tenants.map((tenant) => ({ tenant, user: "u", session: "s" }));
    await Promise.all(
      identities.map((identity, index) =>
        store.save({ eventId: newEventId(), identity, kind: `${index}`, bytes: Buffer.from("x") }),
      ),
    );
    await Promise.all(identities.map((identity, index) => store.find(identity, `${index}`)));
    await store.close();
    const mixed = calls.filter((call) => call.includes(","));
    if (batchesOneTenant) expect([mixed, calls.length]).toEqual([[], 6]);
    else expect(mixed).not.toEqual([]);
  }
});
