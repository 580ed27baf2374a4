import { expect, test } from "vitest";
import {
  apply,
  commit,
  connectWith,
  failOnUncaughtErrors,
  failure,
  migratedDatabase,
  open,
  plainClient,
  SECRETS,
  save,
  stored,
} from "./postgres-rig.js";

failOnUncaughtErrors();

/** What a client sends when it serializes bytes twice: the text of the bytes. */
function serializedTwice(value: unknown): unknown {
  const isBody = typeof value === "string" && value.startsWith("\\x");
  return isBody ? `\\x${Buffer.from(value).toString("hex")}` : value;
}

test.each([
  ["one save", [save({ bytes: Buffer.from(SECRETS.payload) })]],
  ["an empty payload", [save({ bytes: Buffer.alloc(0) })]],
  [
    "saves in rounds",
    Array.from({ length: 8 }, (_, n) => save({ kind: `k${n}`, bytes: Buffer.from(SECRETS.payload) })),
  ],
  [
    "a commit",
    [commit(...["a", "b"].flatMap((kind) => save({ kind, bytes: Buffer.from(SECRETS.payload) }).writes))],
  ],
])("a body that was serialized twice is refused, and nothing is written: %s", async (_, commits) => {
  const url = await migratedDatabase();
  let twice = true;
  const connect = connectWith(url, (sent, run, client) => {
    if (!twice || !/^SELECT .*apply/.test(sent.text)) return run();
    return client.unsafe(sent.text, sent.parameters.map(serializedTwice) as never, { prepare: false });
  });
  const driver = await open({ connect });
  const error = await failure(apply(driver, commits));
  expect(error).toMatchObject({ code: "UNAVAILABLE", details: { reason: "setup" } });
  expect(error.message).toContain("prepare: false");
  expect(await stored(plainClient(url))).toEqual([]);
  twice = false;
  expect((await apply(driver, commits)).every(({ is }) => is === "applied")).toBe(true);
});
