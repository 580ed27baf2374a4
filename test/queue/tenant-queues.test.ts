import fc from "fast-check";
import { expect, test } from "vitest";
import type { Choice, Waiter } from "../../src/queue/tenant-queue.js";
import { TenantQueues } from "../../src/queue/tenant-queues.js";

interface Numbered extends Waiter {
  readonly number: number;
  isSettled: boolean;
}

/** More than a tenant may take in a round. */
const HEAVIEST = 40_000;
const QUANTUM = 16 * 1024;

const waiter = fc.record({
  tenant: fc.constantFrom("a", "b", "c"),
  weight: fc.integer({ min: 1, max: HEAVIEST }),
  isSettled: fc.boolean(),
});
const step = fc.oneof(
  { weight: 3, arbitrary: fc.record({ add: fc.array(waiter, { maxLength: 20 }) }) },
  { weight: 2, arbitrary: fc.record({ take: fc.integer({ min: 1, max: 8 }) }) },
);

/** What was taken since each item at the front of its queue has been waiting. */
class ServedMeanwhile {
  readonly #since = new Map<string, Map<string, number>>();

  /** While a tenant waits, no other is served for more than one round and its debt. */
  note(taken: Numbered, waiting: readonly string[]): void {
    this.#since.delete(taken.tenant);
    for (const tenant of waiting) {
      if (tenant === taken.tenant) continue;
      const seen = this.#since.get(tenant) ?? new Map<string, number>();
      this.#since.set(tenant, seen);
      seen.set(taken.tenant, (seen.get(taken.tenant) ?? 0) + taken.weight);
    }
  }

  worst(): number {
    return Math.max(0, ...[...this.#since.values()].flatMap((seen) => [...seen.values()]));
  }
}

test("each queue is first in, first out, nothing is lost, and no tenant waits for more than one round of another", () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 40 }), (steps) => {
      const queues = new TenantQueues<Numbered>();
      const served = new ServedMeanwhile();
      let left: Numbered[] = [];
      let number = 0;
      const take = (most: number) => {
        let count = 0;
        const taken = queues.take((): Choice => (count++ < most ? "take" : "stop"));
        for (const each of taken) {
          expect(each).toBe(left.find(({ tenant }) => tenant === each.tenant));
          left = left.filter((one) => one !== each);
          served.note(each, [...new Set(left.map(({ tenant }) => tenant))]);
          // A tenant that took more than its round pays its debt before it takes more.
          expect(served.worst()).toBeLessThanOrEqual(2 * (QUANTUM + HEAVIEST));
        }
        return taken.length;
      };
      for (const next of steps) {
        if ("take" in next) take(next.take);
        else
          for (const made of next.add) {
            const added = { ...made, number: number++ };
            queues.add(added);
            if (!added.isSettled) left.push(added);
          }
      }
      while (take(5) > 0);
      expect(left).toEqual([]);
      expect(queues.size).toBe(0);
    }),
    { numRuns: 500 },
  );
});

const of = (tenant: string, weight = 1): Numbered => ({ tenant, weight, isSettled: false, number: 0 });

test("a single item is served in the next round, however many another tenant has queued", () => {
  const queues = new TenantQueues<Numbered>();
  for (let index = 0; index < 10_000; index++) queues.add(of("noisy", 1000));
  let count = 0;
  queues.take(() => (count++ < 5 ? "take" : "stop"));
  const lone = of("lone", 1000);
  queues.add(lone);
  count = 0;
  expect(queues.take(() => (count++ < 20 ? "take" : "stop"))).toContain(lone);
});

test("a passed item keeps its position, and a held item blocks those behind it", () => {
  const queues = new TenantQueues<Numbered>();
  const [first, second, third, other] = [of("a"), of("a"), of("a"), of("b")];
  for (const each of [first, second, third, other]) queues.add(each);
  expect(queues.take((each) => (each === first ? "pass" : each === second ? "take" : "stop"))).toEqual([
    second,
  ]);
  expect(queues.take((each) => (each === first ? "hold" : "take"))).toEqual([other]);
  expect(queues.take(() => "take")).toEqual([first, third]);
});

test("expired items are removed from the front", () => {
  const queues = new TenantQueues<Numbered>();
  const all = ["a", "b", "a"].map((tenant, number) => ({ ...of(tenant), number }));
  for (const each of all) queues.add(each);
  expect(queues.shed(({ number }) => number < 2)).toEqual([all[0], all[1]]);
  expect([...queues]).toEqual([all[2]]);
});

test("it says which tenants wait, and with which item first", () => {
  const queues = new TenantQueues<Numbered>();
  const add = (tenant: string, number: number, isSettled = false) =>
    queues.add({ tenant, number, weight: 1, isSettled });
  const heads = () => [...queues.heads()].map(({ number }) => number);
  add("a", 0);
  expect([queues.has("a"), queues.has("b"), heads()]).toEqual([true, false, [0]]);
  queues.clear();
  add("a", 1, true);
  expect(heads()).toEqual([]);
  for (const number of [2, 3]) add("a", number);
  add("b", 4);
  expect([queues.has("b"), queues.has("c"), heads()]).toEqual([true, false, [2, 4]]);
});
