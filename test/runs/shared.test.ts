import type { SessionIdentity } from "../../src/index.js";
import type { Runs } from "../../src/runs/index.js";
import { onEveryStore, onSharedStores } from "../typed/stores.js";
import { testBadInput } from "../wrappers/bad-input.js";
import { testDamagedRecords } from "../wrappers/damaged-record.js";
import { testErasedSessions } from "../wrappers/erased-session.js";
import { testHostileNames } from "../wrappers/hostile-names.js";
import { testLostAnswers } from "../wrappers/lost-answers.js";
import { testOtherIdentities } from "../wrappers/other-identities.js";
import { testProcesses } from "../wrappers/processes.js";
import { RUNS } from "./table.js";

const cycle: unknown[] = [];
cycle.push(cycle);

const BAD_STARTS: readonly (readonly [field: string, run: unknown])[] = [
  ["run", { more: 1 }],
  ["id", { id: undefined }],
  ["id", { id: "x".repeat(106) }],
  ["name", { name: "" }],
  ["input", { input: cycle }],
  ["input", { input: undefined }],
  ["policy", { policy: 1 }],
  ["budget", { budget: {} }],
  ["budget", { budget: { token: 1 } }],
  ["tokens", { budget: { tokens: 0 } }],
  ["tokens", { budget: { tokens: 1.5 } }],
  ["cost", { budget: { cost: "0" } }],
  ["cost", { budget: { cost: 0.1 + 0.2 } }],
  ["cost", { budget: { cost: "-1" } }],
  ["loops", { budget: { loops: undefined } }],
  ["seconds", { budget: { seconds: "60" } }],
  ["metadata", { metadata: () => 1 }],
  ["parent", { parent: "" }],
];

type Call = (runs: Runs, who: SessionIdentity) => Promise<unknown>;

const lease = (identity: SessionIdentity) => ({
  identity,
  id: "a",
  worker: "w",
  fence: 1,
  leaseId: "l",
  until: new Date(0),
});
const worker = { worker: "w", leaseMs: 1 };
const bad = (input: unknown) => input as never;

onEveryStore((opened) => {
  testOtherIdentities(opened, RUNS);
  testErasedSessions(opened, RUNS);
  testDamagedRecords(opened, RUNS);
  testLostAnswers(opened, RUNS);
  testHostileNames(opened, RUNS);
  testBadInput(opened, RUNS, [
    ...BAD_STARTS.map(([field, run], n) => {
      const call: Call = (runs, who) => runs.start(who, bad(run));
      return [field, `start ${n}`, call] as const;
    }),
    ["worker", "claim", (runs, who) => runs.claim(who, "a", bad({ leaseMs: 1 }))],
    ["leaseMs", "claim of no time", (runs, who) => runs.claim(who, "a", { ...worker, leaseMs: 0 })],
    ["leaseMs", "claim of days", (runs, who) => runs.claim(who, "a", { ...worker, leaseMs: 86_400_001 })],
    ["token", "claim", (runs, who) => runs.claim(who, "a", { ...worker, token: "" })],
    ["input", "claim of a name", (runs, who) => runs.claim(who, "a", bad({ ...worker, name: "n" }))],
    ["where", "claimNext of a session", (runs, who) => runs.claimNext(bad(who), worker)],
    ["name", "claimNext", (runs, { tenant }) => runs.claimNext({ tenant }, { ...worker, name: "" })],
    ["lease", "no lease", (runs) => runs.renew(bad(undefined), { leaseMs: 1 })],
    ["lease", "a claim", (runs, who) => runs.renew(bad({ lease: lease(who) }), { leaseMs: 1 })],
    ["fence", "a lease without a number", (runs, who) => runs.release(bad({ ...lease(who), fence: 0 }))],
    ["leaseId", "a lease without an id", (runs, who) => runs.release(bad({ ...lease(who), leaseId: "" }))],
    ["leaseMs", "renew", (runs, who) => runs.renew(lease(who), bad({}))],
    ["result", "complete", (runs, who) => runs.complete(lease(who), { result: bad(1n) })],
    ["error", "fail", (runs, who) => runs.fail(lease(who), bad({}))],
    ["reason", "halt", (runs, who) => runs.halt(who, "a", bad({}))],
    ["reason", "cancel", (runs, who) => runs.cancel(who, "a", { reason: "x".repeat(16_385) })],
    ["lease", "pause", (runs, who) => runs.pause(who, "a", { lease: bad(undefined) })],
    ["by", "resume", (runs, who) => runs.resume(who, "a", { by: "" })],
    ["key", "beginStep", (runs, who) => runs.beginStep(lease(who), "")],
    ["metadata", "beginStep", (runs, who) => runs.beginStep(lease(who), "k", { metadata: bad(new Map()) })],
    ["tokens", "finishStep", (runs, who) => runs.finishStep(lease(who), "k", { usage: { tokens: -1 } })],
    ["cost", "finishStep", (runs, who) => runs.finishStep(lease(who), "k", { usage: { cost: "1e3" } })],
    ["result", "a failed step", (runs, who) => runs.finishStep(lease(who), "k", { result: 1, error: "e" })],
    ["work", "step", (runs, who) => runs.step(lease(who), "k", bad(1))],
    ["codec", "step", (runs, who) => runs.step(lease(who), "k", () => 1, { codec: bad({}) })],
    [
      "complete",
      "a failed step",
      (runs, who) => runs.finishStep(lease(who), "k", { error: "e", complete: {} }),
    ],
    ["waitMs", "claim", (runs, who) => runs.claim(who, "a", worker, { waitMs: 0 })],
    ["waitMs", "claimNext", (runs, { tenant }) => runs.claimNext({ tenant }, worker, { waitMs: 1.5 })],
    ["leaseMs", "renewWhile", (runs, who) => runs.renewWhile(lease(who), { leaseMs: 0 }, () => 1)],
    ["work", "renewWhile", (runs, who) => runs.renewWhile(lease(who), { leaseMs: 1 }, bad(1))],
    ["after", "steps", (runs, who) => runs.steps(who, "a", { after: -1 })],
    ["limit", "steps", (runs, who) => runs.steps(who, "a", { limit: 1001 })],
    ["status", "list", (runs, who) => runs.list(who, { status: bad("open") })],
    ["name", "list", (runs, who) => runs.list(who, { name: bad(undefined) })],
    ["after", "list", (runs, who) => runs.list(who, { after: "2026" })],
    ["unit", "in", async (runs) => runs.in(bad({}))],
  ]);
});

onSharedStores((opened) => {
  testProcesses(opened, RUNS, {
    processes: 4,
    setUp: `
      import { createRuns } from "groundstate/runs";
      const runs = createRuns(store);
    `,
    make: `runs.start(who, { id })`,
    change: `runs.claim(who, id, { worker: by, leaseMs: 60000 })`,
    lostWith: "LEASE_HELD",
  });
});
