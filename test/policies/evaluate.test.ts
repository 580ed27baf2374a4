import { describe, expect, test } from "vitest";
import { evaluate } from "../../src/policies/index.js";

const POLICY = {
  tools: ["files.read", "files.delete", "mail.send", "shell"],
  approvals: [
    { tool: "shell" },
    { sideEffect: "write.*" },
    { tool: "mail.send", sideEffect: "send.external" },
  ],
};
const ANY = { tools: "any", approvals: [] } as const;

describe("a call under a policy", () => {
  test.each([
    ["files.read", "read", "allow", "allowed"],
    ["files.read", "write", "allow", "allowed"],
    ["files.read", "write.", "approve", "rule"],
    ["files.delete", "write.disk", "approve", "rule"],
    ["files.delete", "WRITE.disk", "allow", "allowed"],
    ["files.delete", "rewrite.disk", "allow", "allowed"],
    ["files.delete", undefined, "approve", "rule"],
    ["mail.send", "send.internal", "allow", "allowed"],
    ["mail.send", "send.external", "approve", "rule"],
    ["shell", "read", "approve", "rule"],
    ["shell", undefined, "approve", "rule"],
    ["shell ", "read", "forbid", "not listed"],
    ["files", "read", "forbid", "not listed"],
    ["files.read.all", "read", "forbid", "not listed"],
    ["toString", "read", "forbid", "not listed"],
  ] as const)("%s (%s): %s, %s", (tool, sideEffect, verdict, because) => {
    const call = { tool, ...(sideEffect !== undefined && { sideEffect }) };
    expect(evaluate(POLICY, call)).toMatchObject({ verdict, because });
    const granted = verdict === "approve" ? { verdict: "allow", because: "granted" } : { verdict, because };
    expect(evaluate(POLICY, call, true)).toMatchObject(granted);
  });

  test("the first rule that matches is named", () => {
    expect(evaluate(POLICY, { tool: "shell", sideEffect: "write.disk" }).rule).toEqual({ tool: "shell" });
    expect(evaluate(POLICY, { tool: "files.read" }).rule).toEqual({ sideEffect: "write.*" });
    expect(evaluate(POLICY, { tool: "files.read", sideEffect: "read" }).rule).toBeUndefined();
  });

  test("a side effect that is undefined is none: each rule on one matches", () => {
    for (const call of [{ tool: "files.delete" }, { tool: "files.delete", sideEffect: undefined }])
      expect(evaluate(POLICY, call)).toMatchObject({ verdict: "approve", rule: { sideEffect: "write.*" } });
  });

  test("any tool, and no tool", () => {
    expect(evaluate(ANY, { tool: "x" })).toEqual({ verdict: "allow", because: "allowed" });
    expect(evaluate({ ...ANY, tools: [] }, { tool: "x" })).toMatchObject({ verdict: "forbid" });
  });
});

describe("what is missing or damaged forbids", () => {
  test.each([undefined, null])("no policy: %s", (policy) => {
    expect(evaluate(policy as never, { tool: "x" })).toEqual({ verdict: "forbid", because: "no policy" });
  });

  test.each([
    {},
    [],
    "any",
    1,
    { tools: "any" },
    { approvals: [] },
    { tools: undefined, approvals: [] },
    { tools: null, approvals: [] },
    { tools: "all", approvals: [] },
    { tools: {}, approvals: [] },
    { tools: [1], approvals: [] },
    { tools: [""], approvals: [] },
    { tools: "any", approvals: {} },
    { tools: "any", approvals: [null] },
    { tools: "any", approvals: [{}] },
    { tools: "any", approvals: [{ tool: 1 }] },
    { tools: "any", approvals: [{ tool: undefined }] },
    { tools: "any", approvals: [{ sideEffects: "write" }] },
  ])("a damaged policy: %j", (policy) => {
    for (const isGranted of [false, true])
      expect(evaluate(policy as never, { tool: "x", sideEffect: "read" }, isGranted)).toEqual({
        verdict: "forbid",
        because: "damaged",
      });
  });

  test.each([
    undefined,
    null,
    "x",
    {},
    { tool: "" },
    { tool: 1 },
    { tool: ["x"] },
    { tool: "x", sideEffect: null },
    { tool: "x", sideEffect: "" },
    { tool: "x", sideEffect: "a".repeat(513) },
    { tool: "x".repeat(513) },
    { tool: "x", sideEffect: ["read"] },
  ])("a damaged call: %j", (call) => {
    expect(evaluate(ANY, call as never)).toEqual({ verdict: "forbid", because: "damaged" });
  });

  test("a policy that cannot be read", () => {
    const policy = {
      tools: "any" as const,
      get approvals(): [] {
        throw new Error("no");
      },
    };
    expect(evaluate(policy, { tool: "x" })).toEqual({ verdict: "forbid", because: "damaged" });
  });

  test("a call that cannot be read, or answers differently when it is read again", () => {
    const unreadable = new Proxy({} as { tool: string }, {
      get() {
        throw new Error("no");
      },
    });
    expect(evaluate(ANY, unreadable)).toEqual({ verdict: "forbid", because: "damaged" });
    const names = ["files.read", "shell", "shell"];
    const changing = {
      get tool() {
        return names.shift() as string;
      },
      sideEffect: "read",
    };
    expect(evaluate({ tools: ["shell"], approvals: [] }, changing).verdict).toBe("forbid");
  });

  test("only `true` is a grant", () => {
    expect(evaluate(POLICY, { tool: "shell" }, "yes" as never).verdict).toBe("approve");
  });
});

describe("a side effect with *", () => {
  const isMatch = (sideEffect: string, text: string) =>
    evaluate({ tools: "any", approvals: [{ sideEffect }] }, { tool: "x", sideEffect: text }).verdict ===
    "approve";

  test.each([
    ["*", "anything", true],
    ["a*", "a", true],
    ["a*a", "a", false],
    ["a*a", "aa", true],
    ["*b", "ab", true],
    ["*b", "ba", false],
    ["a*b*c", "a-b-c", true],
    ["a*b*c", "a-c-b", false],
    ["a*bc*c", "abc", false],
    ["a**b", "ab", true],
    ["a.b", "axb", false],
    ["[ab]", "a", false],
    ["?", "a", false],
    ["ä*", "äö", true],
  ])("%s and %s: %s", (pattern, text, matches) => {
    expect(isMatch(pattern, text)).toBe(matches);
  });

  test("a pattern of many stars is judged at once", () => {
    expect(isMatch(`${"*a".repeat(200)}*b`, "a".repeat(500))).toBe(false);
  });
});
