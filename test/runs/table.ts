import type { SessionIdentity } from "../../src/index.js";
import { createRuns, type Lease, type Runs } from "../../src/runs/index.js";
import type { WrapperTable } from "../wrappers/wrapper.js";

const INPUT = { worker: "w", leaseMs: 60_000, token: "t" };

/** What `claim` of the walk gave, for the calls that come after it. */
const leases = new Map<string, Lease>();
const keyOf = (who: SessionIdentity, id: string) => JSON.stringify([who, id]);

/** A lease as a worker has it, also of a run that does not exist. */
function leaseOf(who: SessionIdentity, id: string): Lease {
  const made = { identity: who, id, worker: "w", fence: 1, leaseId: "l", until: new Date(0) };
  return leases.get(keyOf(who, id)) ?? made;
}

/** Runs, for the tests that all wrappers share. */
export const RUNS: WrapperTable<Runs> = {
  open: (store, options) => createRuns(store, options),
  make: (runs, who, id) => runs.start(who, { id, name: "n", input: { for: who?.user } }),
  find: (runs, who, id) => runs.find(who, id),
  listed: async (runs, where) => (await runs.list(where, { limit: 1000 })).runs.map(({ id }) => id),
  sweep: (runs, scope) => runs.dropErased(scope),
  methods: {
    get: (runs, who, id) => runs.get(who, id),
    wait: (runs, who, id) => runs.wait(who, id),
    claim: (runs, who, id) => runs.claim(who, id, INPUT),
    cancel: (runs, who, id) => runs.cancel(who, id),
    halt: (runs, who, id) => runs.halt(who, id, { reason: "r" }),
    pause: (runs, who, id) => runs.pause(who, id),
    resume: (runs, who, id) => runs.resume(who, id),
    steps: (runs, who, id) => runs.steps(who, id),
    renew: (runs, who, id) => runs.renew(leaseOf(who, id), { leaseMs: 1 }),
    release: (runs, who, id) => runs.release(leaseOf(who, id)),
    complete: (runs, who, id) => runs.complete(leaseOf(who, id)),
    fail: (runs, who, id) => runs.fail(leaseOf(who, id), { error: "e" }),
    beginStep: (runs, who, id) => runs.beginStep(leaseOf(who, id), "k"),
    step: (runs, who, id) => runs.step(leaseOf(who, id), "k", () => 1),
  },
  walk: {
    start: (runs, who, id) => RUNS.make(runs, who, id),
    async claim(runs, who, id) {
      leases.set(keyOf(who, id), (await runs.claim(who, id, INPUT)).lease);
    },
    beginStep: (runs, who, id) => runs.beginStep(leaseOf(who, id), "k", { metadata: { m: 1 } }),
    finishStep: (runs, who, id) =>
      runs.finishStep(leaseOf(who, id), "k", { usage: { tokens: 5, cost: "0.1" }, result: [1] }),
    step: (runs, who, id) => runs.step(leaseOf(who, id), "k2", (step) => step.use({ tokens: 1 })),
    pause: (runs, who, id) => runs.pause(who, id, { lease: leaseOf(who, id), reason: "later" }),
    resume: (runs, who, id) => runs.resume(who, id, { token: "resume" }),
    async "claim again"(runs, who, id) {
      leases.set(keyOf(who, id), (await runs.claim(who, id, { ...INPUT, token: "t2" })).lease);
    },
    complete: (runs, who, id) => runs.complete(leaseOf(who, id), { result: { done: id } }),
  },
  kindOf: (id) => `run/${id}`,
  damages: (stored) => [
    { ...stored, status: "waiting" },
    { ...stored, status: "running" },
    { ...stored, status: "completed" },
    { ...stored, createdAt: "2030" },
    { ...stored, fence: -1 },
    { ...stored, usage: { ...stored.usage, cost: "1.5" } },
    { ...stored, usage: { ...stored.usage, tokens: null } },
    { ...stored, steps: 1.5 },
    { ...stored, lease: { worker: "w", leaseId: "l", until: 1 } },
    { ...stored, end: { at: 1, reason: "r" } },
  ],
};
