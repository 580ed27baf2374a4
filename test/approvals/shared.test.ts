import type { Approvals } from "../../src/approvals/index.js";
import type { SessionIdentity } from "../../src/index.js";
import { onEveryStore } from "../typed/stores.js";
import { type BadCall, testBadInput } from "../wrappers/bad-input.js";
import { testDamagedRecords } from "../wrappers/damaged-record.js";
import { testErasedSessions } from "../wrappers/erased-session.js";
import { testHostileNames } from "../wrappers/hostile-names.js";
import { testLostAnswers } from "../wrappers/lost-answers.js";
import { testOtherIdentities } from "../wrappers/other-identities.js";
import { CALL } from "./states.js";
import { APPROVALS, COMPLETED, EDITED } from "./table.js";

const APPROVE = { decision: "approve", by: "bob" } as const;

const cycle: unknown[] = [];
cycle.push(cycle);

const BAD_REQUESTS: readonly (readonly [field: string, request: unknown])[] = [
  ["request", undefined],
  ["request", { ...CALL, more: 1 }],
  ["tool", { ...CALL, tool: "" }],
  ["tool", { ...CALL, tool: "a\0b" }],
  ["tool", { ...CALL, tool: "x".repeat(513) }],
  ["arguments", { tool: "t" }],
  ["arguments", { ...CALL, arguments: cycle }],
  ["arguments", { ...CALL, arguments: { n: 1n } }],
  ["arguments", { ...CALL, arguments: Number.NaN }],
  ["arguments", { ...CALL, arguments: new Map() }],
  ["sideEffect", { ...CALL, sideEffect: undefined }],
  ["question", { ...CALL, question: 1 }],
  ["requester", { ...CALL, requester: "" }],
  ["run", { ...CALL, run: undefined }],
  ["step", { ...CALL, step: 1 }],
  ["sender", { ...CALL, sender: new Date() }],
  ["approvals", { ...CALL, approvals: 0 }],
  ["approvals", { ...CALL, approvals: 21 }],
  ["approvals", { ...CALL, approvals: 3, groups: ["a", "b"] }],
  ["approvals", { ...CALL, approvals: undefined }],
  ["groups", { ...CALL, groups: [] }],
  ["groups", { ...CALL, groups: "finance" }],
  ["groups", { ...CALL, groups: ["a", "a"] }],
  ["groups", { ...CALL, groups: ["a", ""] }],
  ["groups", { ...CALL, groups: Array.from({ length: 21 }, (_, n) => `g${n}`) }],
  ["assignee", { ...CALL, assignee: null }],
  ["ttlMs", { ...CALL, ttlMs: 0 }],
  ["ttlMs", { ...CALL, ttlMs: 10 * 366 * 86_400_000 }],
  ["ttlMs", { ...CALL, ttlMs: undefined }],
  ["id", { ...CALL, id: undefined }],
  ["id", { ...CALL, id: "" }],
  ["id", { ...CALL, id: "x".repeat(106) }],
  ["id", { ...CALL, id: "a\ud800" }],
];

const BAD_CALLS: readonly (readonly [field: string, method: keyof Approvals, input: unknown])[] = [
  ["decision", "decide", { decision: "maybe", by: "bob" }],
  ["by", "decide", { decision: "approve" }],
  ["reason", "decide", { ...APPROVE, reason: undefined }],
  ["token", "decide", { ...APPROVE, token: "" }],
  ["ttlMs", "decide", { ...APPROVE, ttlMs: 1.5 }],
  ["ttlMs", "decide", { decision: "deny", by: "bob", ttlMs: 1 }],
  ["arguments", "decide", { decision: "deny", by: "bob", arguments: {} }],
  ["arguments", "decide", { ...APPROVE, arguments: undefined }],
  ["arguments", "decide", { ...APPROVE, arguments: { n: 1n } }],
  ["group", "decide", { ...APPROVE, group: "" }],
  ["by", "revoke", { reason: "x" }],
  ["input", "revoke", { by: "bob", ttlMs: 1 }],
  ["by", "extend", { ttlMs: 1 }],
  ["ttlMs", "extend", { by: "bob" }],
  ["ttlMs", "extend", { by: "bob", ttlMs: 0 }],
  ["assignee", "reassign", { by: "bob" }],
  ["assignee", "reassign", { by: "bob", assignee: "" }],
  ["input", "decide", { ...APPROVE, decisison: 1 }],
  ["by", "cancel", {}],
  ["input", "cancel", { by: "bob", ttlMs: 1 }],
  ["arguments", "claim", { tool: "t" }],
  ["tool", "claim", { arguments: {} }],
  ["by", "claim", { ...CALL, by: undefined }],
  ["result", "complete", { result: () => 1 }],
  ["error", "fail", {}],
  ["timeoutMs", "wait", { timeoutMs: 0 }],
  ["options", "get", { singal: 1 }],
  ["signal", "find", { signal: {} }],
];

type Call = (...given: unknown[]) => Promise<unknown>;

const BAD: readonly BadCall<Approvals>[] = [
  ...BAD_REQUESTS.map(
    ([field, request], n): BadCall<Approvals> => [
      field,
      `request ${n}`,
      (approvals, who) => approvals.request(who, request as never),
    ],
  ),
  ...BAD_CALLS.map(
    ([field, method, input], n): BadCall<Approvals> => [
      field,
      `${method} ${n}`,
      (approvals, who: SessionIdentity) => (approvals[method] as Call).call(approvals, who, "none", input),
    ],
  ),
  ["status", "list", (approvals, who) => approvals.list(who, { status: "open" as never })],
];

onEveryStore((opened) => {
  testOtherIdentities(opened, APPROVALS);
  testErasedSessions(opened, APPROVALS);
  testDamagedRecords(opened, APPROVALS);
  testDamagedRecords(opened, COMPLETED);
  testLostAnswers(opened, APPROVALS);
  testLostAnswers(opened, EDITED);
  testHostileNames(opened, APPROVALS);
  testBadInput(opened, APPROVALS, BAD);
});
