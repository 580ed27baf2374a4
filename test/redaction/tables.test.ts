import { expect, test } from "vitest";
import { credentials, redacting } from "../../src/layers/index.js";
import { GO } from "./go.js";
import { STAY } from "./stay.js";

const { text: redact } = redacting();

test("there are 200 texts that have to go and 200 that have to stay, all different", () => {
  expect(new Set(GO.map(({ text }) => text)).size).toBeGreaterThanOrEqual(200);
  expect(new Set(STAY).size).toBeGreaterThanOrEqual(200);
});

test("every kind has texts of its own", () => {
  expect([...new Set(GO.map(({ kind }) => kind))].sort()).toEqual([...credentials].sort());
});

test("of each text that has to go, the secret goes and nothing else", () => {
  const wrong = GO.filter(({ kind, secret, text }) => {
    const expected = text.replaceAll(secret, () => `«redacted:${kind}»`);
    return expected === text || redact(text) !== expected;
  });
  expect(wrong).toEqual([]);
});

test("each text that has to stay stays", () => {
  expect(STAY.filter((text) => redact(text) !== text)).toEqual([]);
});

test("a text that was redacted stays as it is", () => {
  const redacted = GO.map(({ text }) => redact(text));
  expect(redacted.filter((text) => redact(text) !== text)).toEqual([]);
});

test("each kind can be left out, and then its texts stay", () => {
  for (const kind of credentials) {
    const others = redacting({ redactors: credentials.filter((name) => name !== kind) });
    const only = redacting({ redactors: [kind] });
    const own = GO.filter((text) => text.kind === kind);
    for (const { secret, text } of own) expect(only.text(text), kind).not.toContain(secret);
    // What another kind finds as well goes under that name.
    for (const { text } of own) expect(others.text(text), kind).not.toContain(`«redacted:${kind}»`);
  }
});

test("many secrets in one text go, each under its kind", () => {
  const some = GO.filter((_, index) => index % 4 === 0);
  const all = redact(some.map(({ text }) => text).join("\n\n"));
  for (const { kind, secret } of some) expect(all, kind).not.toContain(secret);
  expect(all.match(/«redacted:/g)?.length).toBeGreaterThanOrEqual(some.length);
});
