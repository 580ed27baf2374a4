import { appendFileSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { afterAll, beforeAll, expect, test } from "vitest";
import { openSqlite } from "../../drivers/sqlite/index.js";
import type { StoredRecord } from "../../src/contract/driver.js";
import { fingerprint } from "../../src/rules/fingerprint.js";
import { changing } from "./changing.js";
import { choices } from "./choices.js";
import { assertSaid, assertState, type FileCase, openCase } from "./file-case.js";
import { DATABASE_DAMAGES, type FileDamage, LOG_DAMAGES } from "./file-damage.js";
import { type Images, keyOf, makeImages } from "./image.js";

let folder: string;
let images: Images;

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), "groundstate-files-"));
  images = await makeImages();
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const isRight = (record: StoredRecord) => fingerprint(record) === record.fingerprint;

/** The first of the records in the log's first state, in place of whatever is current there. */
function stale(record: StoredRecord): StoredRecord {
  const { tenant, user, session, run, kind } = record;
  const [first] = images.inLog.states;
  const identity = { tenant, user, session, ...(run === "" ? {} : { run }) };
  const old = first?.get(keyOf({ identity, kind }));
  if (old === undefined || record.kind !== "note/1") return record;
  const { eventId, version, bytes } = old;
  const restored = { ...record, eventId, version, bytes, updatedAt: old.updatedAt.getTime() };
  return { ...restored, fingerprint: fingerprint(restored) };
}

interface Control extends Pick<FileCase, "layer" | "open"> {
  readonly damage: FileDamage;
  /** What is damaged, and so what has to be said of it. */
  readonly of: "database" | "log";
  /** What the fuzzer says of it. */
  readonly found: RegExp;
}

/** What a driver would be like that did less about damage. */
const CONTROLS: Readonly<Record<string, Control>> = {
  "does not check what it reads": {
    damage: DATABASE_DAMAGES["a sector of noise"] as FileDamage,
    of: "database",
    layer: changing((record) => ({ ...record, fingerprint: fingerprint(record) })),
    found: /this was never saved there/,
  },
  "leaves out what is damaged": {
    damage: ({ database, ...files }, choices) => {
      const copy = Buffer.from(database);
      const payloads = [...copy.toString("latin1").matchAll(/ is what was saved/g)].map(({ index }) => index);
      copy[choices.one(payloads)] = 0;
      return { ...files, database: copy };
    },
    of: "database",
    layer: changing((record) => (isRight(record) ? record : undefined)),
    found: /missing from a file that is sound/,
  },
  "throws what is no StateError": {
    damage: DATABASE_DAMAGES["a sector of noise"] as FileDamage,
    of: "database",
    layer: changing((record) => {
      if (isRight(record)) return record;
      throw new RangeError("out of bounds");
    }),
    found: /out of bounds|failed to read/,
  },
  "changes what it refuses": {
    damage: DATABASE_DAMAGES["another application's"] as FileDamage,
    of: "database",
    async open(config) {
      appendFileSync(config.path as string, "x");
      return openSqlite(config);
    },
    found: /the database was changed/,
  },
  "mixes what was with what is": {
    damage: LOG_DAMAGES["noise behind its end"] as FileDamage,
    of: "log",
    layer: changing(stale),
    found: /no state that ever was/,
  },
};

function propertyOf({ damage, of }: Control, control: Pick<FileCase, "layer" | "open">) {
  return fc.asyncProperty(choices(), async (choices) => {
    const { files, states } = of === "log" ? images.inLog : images.inFile;
    const path = join(folder, "state.db");
    const given = { path, files: damage(files, choices.again(), images.other.files), states, ...control };
    const verdict = await openCase(given);
    if (of === "log") assertState(verdict);
    else assertSaid(given, verdict);
  });
}

test.each(Object.entries(CONTROLS))("the fuzzer finds a driver that %s", async (_, control) => {
  const { layer, open, found } = control;
  const broken = propertyOf(control, { ...(layer ? { layer } : {}), ...(open ? { open } : {}) });
  const { failed, errorInstance } = await fc.check(broken, { seed: 1, numRuns: 30, endOnFailure: true });
  expect([failed, String(errorInstance)]).toEqual([true, expect.stringMatching(found)]);
  await fc.assert(propertyOf(control, {}), { seed: 1, numRuns: 5 });
});
