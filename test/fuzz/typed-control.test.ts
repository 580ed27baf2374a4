import fc from "fast-check";
import { expect, test } from "vitest";
import { isStateError, StateError } from "../../src/index.js";
import { choices } from "./choices.js";
import { RECORD_DAMAGES, type RecordDamage } from "./json-damage.js";
import { makeStory, readDamaged } from "./typed-case.js";
import { type Read, WHO } from "./typed-story.js";

interface Control {
  readonly read: Read;
  /** The record that it reads. */
  readonly kind: string;
  readonly damage: string;
  /** What the fuzzer says of it. */
  readonly found: RegExp;
}

/** What a wrapper would be like that did less about damage. */
const CONTROLS: Readonly<Record<string, Control>> = {
  "lets the parser's own error out": {
    read: async ({ store }) => JSON.parse(Buffer.from((await store.load(WHO, "session")).bytes).toString()),
    kind: "session",
    damage: "cut",
    found: /SyntaxError/,
  },
  "believes what it reads": {
    async read({ store }) {
      const { metadata } = JSON.parse(Buffer.from((await store.load(WHO, "session")).bytes).toString());
      return metadata.title.length;
    },
    kind: "session",
    damage: "a field, gone from the top",
    found: /TypeError/,
  },
  "passes over what does not decode": {
    async read({ notes, store }) {
      const records = await store.list(WHO, "notes/");
      const all = records.map(({ kind }) => notes.get(WHO, kind.slice("notes/".length)));
      return (await Promise.allSettled(all)).filter(({ status }) => status === "fulfilled");
    },
    kind: "notes/n1",
    damage: "cut",
    found: /read what is no JSON, and is another value/,
  },
  "takes what does not decode for nothing": {
    read: ({ sessions }) => sessions.find(WHO).catch(() => undefined),
    kind: "session",
    damage: "another encoding",
    found: /read what is no JSON, and is another value/,
  },
  "does not say where": {
    async read({ sessions }) {
      try {
        return await sessions.get(WHO);
      } catch (error) {
        if (!isStateError(error, "CORRUPT")) throw error;
        throw new StateError("CORRUPT", "something is damaged", { details: {} });
      }
    },
    kind: "session",
    damage: "emptied",
    found: /says CORRUPT, and not where/,
  },
  "hands out what is no date": {
    async read({ store }) {
      const { createdAt } = JSON.parse(Buffer.from((await store.load(WHO, "session")).bytes).toString());
      return { createdAt: new Date(createdAt) };
    },
    kind: "session",
    damage: "a number, far off",
    found: /createdAt is no date/,
  },
};

test.each(Object.entries(CONTROLS))("the fuzzer finds a wrapper that %s", async (_, control) => {
  const { read, kind, damage, found } = control;
  const story = await makeStory({ control: read });
  const record = story.records.find((record) => record.kind === kind && record.session === WHO.session);
  if (record === undefined) throw new Error(`the story left no ${kind}`);
  const property = fc.asyncProperty(choices(), async (choices) => {
    const damaged = (RECORD_DAMAGES[damage] as RecordDamage)(record, choices.again(), story.records);
    await readDamaged(story, damaged);
  });
  const { failed, errorInstance } = await fc.check(property, { seed: 1, numRuns: 100, endOnFailure: true });
  expect([failed, String(errorInstance)]).toEqual([true, expect.stringMatching(found)]);
});
