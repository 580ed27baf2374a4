import { expect, test } from "vitest";
import { credentials, redacting } from "../../src/layers/index.js";
import { GO } from "./go.js";

const SIZE = 2 ** 20;
/** A search that looks at each place of the text again for each place takes minutes. */
const MOST_MS = 2_000;

const filled = (text: string) => text.repeat(Math.ceil(SIZE / text.length)).slice(0, SIZE);

/** Texts of 1 MiB that begin a secret again and again, or once and never end it. */
function hostile({ secret, text }: (typeof GO)[number]): readonly string[] {
  const before = text.slice(0, text.indexOf(secret));
  const half = secret.slice(0, Math.ceil(secret.length / 2));
  const start = before + secret.slice(0, 12);
  return [filled(before + half), filled(` ${secret.slice(0, -1)}`), start + filled("a-")];
}

test.each(credentials)("%s takes a time that grows with the text alone", (kind) => {
  const { text: redact } = redacting({ redactors: [kind] });
  const text = GO.find((going) => going.kind === kind) as (typeof GO)[number];
  for (const [index, each] of hostile(text).entries()) {
    const started = performance.now();
    redact(each);
    expect(performance.now() - started, `text ${index}`).toBeLessThan(MOST_MS);
  }
});

test("all of them on a text of hints, of markers, of escapes and of digits", () => {
  const { text: redact } = redacting();
  const hints = GO.map(({ secret }) => secret.slice(0, 5)).join(" ");
  for (const part of [
    hints,
    "«redacted:jwt»",
    "\\",
    "\\n",
    "4111 ",
    "41111111111111 ",
    "://a:",
    "://a:b@",
    "eyJ.",
    "eyJhbGciOi",
    "-----BEGIN PRIVATE KEY-----\n",
    "-----BEGIN PRIVATE KEY-----\nA: b\n",
    `-----BEGIN PRIVATE KEY-----${"AAAA ".repeat(20)}`,
    "authorization: bearer ",
    "secret_access_key=",
  ]) {
    const started = performance.now();
    redact(filled(part).slice(0, SIZE / 4));
    expect(performance.now() - started, part.slice(0, 40)).toBeLessThan(MOST_MS);
  }
});

test("a control: a pattern that looks at each place again is slower than that", () => {
  const slow = redacting({ redactors: [{ kind: "slow", pattern: /a+b/ }] });
  const started = performance.now();
  slow.text("a".repeat(SIZE / 32));
  // Of all of it, a thousand times as long.
  expect(performance.now() - started).toBeGreaterThan(MOST_MS / 32 ** 2);
});
