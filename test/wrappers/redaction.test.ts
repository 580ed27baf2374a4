import { readdirSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { expect, test } from "vitest";
import { openMemory } from "../../drivers/memory/index.js";
import { createStore, newEventId, type StateStore } from "../../src/index.js";
import { redacting } from "../../src/layers/index.js";
import { createRuntime, type RuntimeOptions } from "../../src/runtime/index.js";
import { WRAPPER_NAMES } from "../../src/runtime/options.js";
import { ALNUM, drawn } from "../redaction/drawn.js";
import { onSharedStores } from "../typed/stores.js";
import { wholeDatabase } from "../typed/whole-database.js";
import { EVERY_TEXT } from "./every-text.js";

const any = {
  "~standard": { version: 1, vendor: "test", validate: (value: unknown) => ({ value }) },
} as const;

let seed = 0;

/** Secrets of a wrapper's fields. */
class Secrets {
  readonly byField = new Map<string, string>();

  readonly of = (field: string): string => {
    const secret = ["gh", "p_"].join("") + drawn(ALNUM, 36, ++seed);
    this.byField.set(field, secret);
    return secret;
  };

  /** The fields whose secrets begin as one of these does. */
  among(beginnings: ReadonlySet<string>): string[] {
    return [...this.byField].flatMap(([field, secret]) =>
      beginnings.has(secret.slice(0, BEGINNING)) ? [field] : [],
    );
  }
}

/** So much of a secret has to be stored to count as found. */
const BEGINNING = 16;

const beginningsIn = (stored: string): ReadonlySet<string> =>
  new Set(stored.match(new RegExp(`ghp_[A-Za-z0-9]{${BEGINNING - 4}}`, "g")));

/** What was written by each wrapper. */
type Written = Readonly<Record<string, Secrets>>;

async function writeAll(store: StateStore, options: RuntimeOptions): Promise<Written> {
  const runtime = createRuntime(store, { ...options, questions: { schemas: { any } } });
  const all = { ...runtime, together: runtime.together.bind(runtime) };
  const written: Record<string, Secrets> = {};
  for (const [wrapper, write] of Object.entries(EVERY_TEXT)) {
    const secrets = new Secrets();
    await write(all as never, { tenant: `tenant-${newEventId()}`, user: "ann", session: "s" }, secrets.of);
    written[wrapper] = secrets;
  }
  return written;
}

function expectNone(written: Written, stored: string): void {
  const beginnings = beginningsIn(stored);
  const found = Object.entries(written).map(([wrapper, secrets]) => [wrapper, secrets.among(beginnings)]);
  expect(Object.fromEntries(found)).toEqual(
    Object.fromEntries(Object.keys(written).map((name) => [name, []])),
  );
  expect(stored).toContain("redacted:github-token");
}

function expectAll(written: Written, stored: string): void {
  const beginnings = beginningsIn(stored);
  for (const [wrapper, secrets] of Object.entries(written)) {
    const found = secrets.among(beginnings);
    expect(
      [...secrets.byField.keys()].filter((field) => !found.includes(field)),
      wrapper,
    ).toEqual([]);
  }
}

/** Every table, and of SQLite every byte of the files. */
async function everythingIn(url: string): Promise<string> {
  const rows = await wholeDatabase(url);
  if (!url.startsWith("sqlite:")) return rows;
  const folder = dirname(url.slice("sqlite:".length));
  return [
    rows,
    ...readdirSync(folder).map((name) => readFileSync(join(folder, name)).toString("latin1")),
  ].join();
}

test("every wrapper has its texts here", () => {
  expect(Object.keys(EVERY_TEXT).sort()).toEqual(
    WRAPPER_NAMES.filter((name) => name !== "retention").toSorted(),
  );
});

test("in memory no secret of any field is stored, and without redaction all of them are", async () => {
  const driver = await openMemory();
  const store = createStore(driver);
  const everything = async () => {
    const { records } = await driver.scan({ prefix: "", limit: 1e6, maxBytes: 1e9, reverse: false });
    return records.map(({ bytes, ...header }) => JSON.stringify(header) + Buffer.from(bytes)).join("\n");
  };
  const redacted = await writeAll(store, { redact: redacting() });
  expectNone(redacted, await everything());
  const given = await writeAll(store, {});
  expectAll(given, await everything());
  await store.close();
});

onSharedStores((opened) => {
  test("no secret of any field is in the database, and without redaction all of them are", async () => {
    const redacted = await writeAll(opened.store, { redact: redacting() });
    expectNone(redacted, await everythingIn(opened.url));
    const given = await writeAll(opened.store, {});
    expectAll(given, await everythingIn(opened.url));
  });
});
