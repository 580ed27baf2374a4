import { describe, expect, test } from "vitest";
import { trust } from "../../src/process/trusted-objects.js";
import { unknownName } from "../../src/validation/unknown-name.js";
import { readOneOf, readRecordKey, validateUserIdentity } from "../../src/validation/validate.js";
import { IDENTITY } from "../store/store-rig.js";

const KNOWN = ["kind", "promptTokens"];

describe("an unknown name", () => {
  test.each([
    ["kin", "kind"],
    ["kinds", "kind"],
    ["knd", "kind"],
    ["kiind", "kind"],
    ["kand", "kind"],
    ["KIND", "kind"],
    ["prompt_tokens", "promptTokens"],
  ])("%s is said to be a slip for %s", (name, meant) => {
    expect(unknownName("record", name, KNOWN).message).toContain(`did you mean ${meant}?`);
  });

  test.each(["kxyz", "knid", "mynd", "other"])("%s is near to none", (name) => {
    const { message } = unknownName("record", name, KNOWN);
    expect(message).toContain(name);
    expect(message).not.toContain("did you mean");
  });

  test.each(["a b", "1", "x".repeat(41), "ä"])("%s might be data, and is not repeated", (name) => {
    expect(unknownName("record", name, KNOWN).message).not.toContain(name === "1" ? "without 1" : name);
  });
});

describe("one of several texts", () => {
  test("is returned as it is", () => {
    expect(["on", "off"].map((value) => readOneOf(value, "mode", ["on", "off"]))).toEqual(["on", "off"]);
  });

  test.each(["ON", "", undefined, 1, ["on"], new String("on")])("%o is none", (value) => {
    expect(() => readOneOf(value, "mode", ["on", "off"])).toThrow("one of on, off");
  });
});

test.each([undefined, null, "ann", 7])("%o is no user", (value) => {
  expect(() => validateUserIdentity(value)).toThrow(expect.objectContaining({ code: "IDENTITY_REQUIRED" }));
});

describe("a key to go on after", () => {
  const damaged = { identity: { ...IDENTITY, run: "" }, kind: "\0" };

  test("that the package gave of a damaged record is taken as it is", () => {
    expect(readRecordKey(trust({ ...damaged }), "after")).toEqual({ ...damaged.identity, kind: "\0" });
    const { run, ...identity } = damaged.identity;
    expect(readRecordKey(trust({ ...damaged, identity }), "after").run).toBe(run);
  });

  test("of anybody else is checked", () => {
    expect(() => readRecordKey(damaged, "after")).toThrow(
      expect.objectContaining({ code: "INVALID_RECORD" }),
    );
  });
});
