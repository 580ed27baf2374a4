import fc from "fast-check";
import { expect, onTestFinished, test } from "vitest";
import type { Layer, StoredRecord } from "../../src/contract/driver.js";
import { StateError } from "../../src/contract/errors.js";
import { fingerprint } from "../../src/rules/fingerprint.js";
import { changing } from "./changing.js";
import { choices } from "./choices.js";
import { onSqlite } from "./damaged-stores.js";
import { runCase } from "./row-case.js";
import { DAMAGES, type Damage } from "./row-damage.js";

const isRight = (record: StoredRecord) => fingerprint(record) === record.fingerprint;

interface Control {
  readonly damage: string;
  readonly layer: Layer;
  /** What the fuzzer says of it. */
  readonly found: RegExp;
}

/** What a store would be like that did less, or something else, about damage. */
const CONTROLS: Readonly<Record<string, Control>> = {
  "does not check what it reads": {
    damage: "a payload's bit",
    layer: changing((record) => ({ ...record, fingerprint: fingerprint(record) })),
    found: /expected .*"is":"corrupt".* got .*"is":"record"/,
  },
  "leaves out what is damaged": {
    damage: "a payload's bit",
    layer: changing((record) => (isRight(record) ? record : undefined)),
    found: /expected .*"is":"corrupt".* got .*"is":"nothing"/,
  },
  "fails for all when one is damaged": {
    damage: "a fingerprint, cut",
    layer: changing((record) => {
      if (isRight(record)) return record;
      throw new StateError("CORRUPT", "something is damaged", { details: {} });
    }),
    found: /got {"is":"corrupt"}/,
  },
  "throws what is no StateError": {
    damage: "a payload, cut",
    layer: changing((record) => {
      if (isRight(record)) return record;
      throw new SyntaxError("unexpected end");
    }),
    found: /failed to read/,
  },
  "takes a version for another": {
    damage: "a version beyond the safe",
    layer: changing((record) => {
      const version = Math.min(record.version, Number.MAX_SAFE_INTEGER);
      return { ...record, version, fingerprint: fingerprint({ ...record, version }) };
    }),
    found: /expected .*"is":"corrupt".* got .*"is":"record"/,
  },
  "believes where a record says that it lies": {
    damage: "slots, swapped",
    layer: changing((record) => ({ ...record, fingerprint: fingerprint(record) })),
    found: /expected .*"is":"corrupt".* got .*"is":"record"/,
  },
};

test.each(Object.entries(CONTROLS))(
  "the fuzzer finds a store that %s",
  async (_, { damage, layer, found }) => {
    const damaged = await onSqlite("typed", layer);
    onTestFinished(() => damaged.clean());
    const property = fc.asyncProperty(choices(), async (choices) => {
      await runCase(damaged, DAMAGES[damage] as Damage, choices.again());
    });
    const { failed, errorInstance } = await fc.check(property, { seed: 1, numRuns: 20, endOnFailure: true });
    expect([failed, String(errorInstance)]).toEqual([true, expect.stringMatching(found)]);
  },
);

test("and nothing in a store that does what it should", async () => {
  const damaged = await onSqlite(
    "typed",
    changing((record) => record),
  );
  onTestFinished(() => damaged.clean());
  const kinds = [...new Set(Object.values(CONTROLS).map(({ damage }) => damage))];
  const property = fc.asyncProperty(choices(), fc.constantFrom(...kinds), async (choices, kind) => {
    await runCase(damaged, DAMAGES[kind] as Damage, choices.again());
  });
  await fc.assert(property, { seed: 1, numRuns: 10 });
});
