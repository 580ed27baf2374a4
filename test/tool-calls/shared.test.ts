import { maintenanceScope, type SessionIdentity } from "../../src/index.js";
import { createToolCalls, type ToolCalls } from "../../src/tool-calls/index.js";
import { onEveryStore, onSharedStores } from "../typed/stores.js";
import { testBadInput } from "../wrappers/bad-input.js";
import { testDamagedRecords } from "../wrappers/damaged-record.js";
import { testErasedSessions } from "../wrappers/erased-session.js";
import { testHostileNames } from "../wrappers/hostile-names.js";
import { testLostAnswers } from "../wrappers/lost-answers.js";
import { testOtherIdentities } from "../wrappers/other-identities.js";
import { testProcesses } from "../wrappers/processes.js";
import { MAIL, TOOL_CALLS } from "./table.js";

const ALL = maintenanceScope({ reason: "test", allTenants: true });

const BAD_CALLS: readonly (readonly [field: string, call: unknown])[] = [
  ["call", undefined],
  ["call", { ...MAIL, id: "a", more: 1 }],
  ["id", MAIL],
  ["id", { ...MAIL, id: "x".repeat(106) }],
  ["tool", { id: "a", arguments: {} }],
  ["arguments", { id: "a", tool: "t" }],
  ["arguments", { id: "a", tool: "t", arguments: { n: 1n } }],
  ["sideEffect", { ...MAIL, id: "a", sideEffect: "" }],
  ["run", { ...MAIL, id: "a", run: undefined }],
  ["step", { ...MAIL, id: "a", step: 1 }],
  ["approval", { ...MAIL, id: "a", approval: "" }],
  ["token", { ...MAIL, id: "a", token: "" }],
];

onEveryStore((opened) => {
  testOtherIdentities(opened, TOOL_CALLS);
  testErasedSessions(opened, TOOL_CALLS);
  testDamagedRecords(opened, TOOL_CALLS);
  testLostAnswers(opened, TOOL_CALLS);
  testHostileNames(opened, TOOL_CALLS);
  testBadInput(opened, TOOL_CALLS, [
    ...BAD_CALLS.map(
      ([field, call], n) =>
        [field, `call ${n}`, (c: ToolCalls, who: SessionIdentity) => c.begin(who, call as never)] as const,
    ),
    ["call", "a token of once", (c, who) => c.once(who, { ...MAIL, id: "a", token: "t" } as never, () => 1)],
    ["work", "once", (c, who) => c.once(who, { ...MAIL, id: "a" }, 1 as never)],
    ["result", "succeed", (c, who) => c.succeed(who, "a", { result: Number.NaN })],
    ["result", "succeed with undefined", (c, who) => c.succeed(who, "a", { result: undefined as never })],
    ["error", "fail", (c, who) => c.fail(who, "a", {} as never)],
    ["error", "fail", (c, who) => c.fail(who, "a", { error: "x".repeat(16_385) })],
    ["input", "abandon", (c, who) => c.abandon(who, "a", { error: "no" } as never)],
    ["status", "list", (c, who) => c.list(who, { status: "open" as never })],
    ["options", "begin", (c, who) => c.begin(who, { ...MAIL, id: "a" }, { singal: 1 } as never)],
    ["unit", "in", (c) => c.in({} as never)],
    ["policy", "createToolCalls", () => createToolCalls(opened.store, { policy: "allow" as never })],
    ["maxJsonBytes", "none", () => createToolCalls(opened.store, { maxJsonBytes: 0 })],
    ["maxJsonBytes", "too many", () => createToolCalls(opened.store, { maxJsonBytes: 2 ** 28 + 1 })],
    ["limit", "cleanup", (c) => c.cleanup(ALL, { limit: 0 })],
    ["options", "createToolCalls", () => createToolCalls(opened.store, { pollMs: 1 } as never)],
  ]);
});

onSharedStores((opened) => {
  testProcesses(opened, TOOL_CALLS, {
    processes: 3,
    setUp: `
      import { createToolCalls } from "groundstate/tool-calls";
      const calls = createToolCalls(store);
    `,
    make: `calls.begin(who, { id, tool: "t", arguments: {} }).catch(({ code }) => {
      if (code !== "ALREADY_BEGUN") throw new Error(code);
    })`,
    change: `calls.succeed(who, id, { result: by })`,
    lostWith: "ALREADY_FINISHED",
  });
});
