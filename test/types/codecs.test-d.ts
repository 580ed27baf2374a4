import { type } from "arktype";
import * as v from "valibot";
import { describe, expectTypeOf, test } from "vitest";
import { z } from "zod";
import type { StateStore } from "../../src/index.js";
import { createSessions } from "../../src/sessions/index.js";
import {
  type Cell,
  type Codec,
  Collection,
  type Item,
  Journal,
  type JsonValue,
  json,
  TypedSlot,
  transact,
} from "../../src/typed/index.js";

// Compiled by types.test.ts; nothing of it is carried out.
declare const store: StateStore;
declare const session: { tenant: string; user: string; session: string };
const checked = (_: () => unknown): void => {};

describe("what a codec and its schema say of the values", () => {
  test("is what is read and what may be written, for every library", () => {
    checked(() => {
      const zod = z.object({ at: z.string(), pinned: z.boolean().default(false) });
      expectTypeOf(json({ schema: zod })).toEqualTypeOf<
        Codec<{ at: string; pinned: boolean }, { at: string; pinned?: boolean | undefined }>
      >();
      const valibot = v.object({ at: v.string(), pinned: v.optional(v.boolean(), false) });
      expectTypeOf(json({ schema: valibot })).toEqualTypeOf<
        Codec<{ at: string; pinned: boolean }, { at: string; pinned?: boolean | undefined }>
      >();
      const ark = type({ at: "string", "pinned?": "boolean" });
      expectTypeOf(json({ schema: ark })).toEqualTypeOf<
        Codec<{ at: string; pinned?: boolean }, { at: string; pinned?: boolean }>
      >();
      expectTypeOf(json()).toEqualTypeOf<Codec<JsonValue>>();
      expectTypeOf(json<{ a: 1 }>()).toEqualTypeOf<Codec<{ a: 1 }>>();
    });
  });

  test("goes through slots, collections, journals and transactions", () => {
    checked(async () => {
      const codec = json({ schema: z.object({ text: z.string(), votes: z.number().default(0) }) });
      const facts = new Collection(store, "fact", { codec });
      expectTypeOf(await facts.list(session)).toEqualTypeOf<Item<{ text: string; votes: number }>[]>();
      await facts.put(session, "a", { text: "b" });
      // @ts-expect-error: text is a text
      await facts.put(session, "a", { text: 1 });
      // @ts-expect-error: and has to be there
      await facts.put(session, "a", { votes: 1 });

      const slot = new TypedSlot(store, "slot", { codec });
      await slot.update(session, (current) => {
        expectTypeOf(current).toEqualTypeOf<{ text: string; votes: number } | undefined>();
        return { text: "c" };
      });
      const log = new Journal(store, "log", { codec });
      expectTypeOf((await log.read(session))[0]?.value.votes).toEqualTypeOf<number | undefined>();

      const cell = facts.at(session, "a");
      expectTypeOf(cell).toEqualTypeOf<
        Cell<{ text: string; votes: number }, { text: string; votes?: number | undefined }>
      >();
      const votes = await transact(store, async (transaction) => {
        const fact = await transaction.get(cell);
        // @ts-expect-error: a cell of facts takes facts
        await transaction.set(cell, 1);
        return fact?.votes;
      });
      expectTypeOf(votes).toEqualTypeOf<number | undefined>();
    });
  });

  test("goes through sessions, and metadata changes from what is read to what may be written", () => {
    checked(async () => {
      const metadata = json({ schema: z.object({ title: z.string(), pinned: z.boolean().default(false) }) });
      const events = json<{ role: "user" | "assistant"; text: string }>();
      const sessions = createSessions(store, { metadata, events });
      await sessions.create(session, { metadata: { title: "a" } });
      // @ts-expect-error: a title is a text
      await sessions.create(session, { metadata: { title: 1 } });
      await sessions.changeMetadata(session, (current) => {
        expectTypeOf(current).toEqualTypeOf<{ title: string; pinned: boolean }>();
        return { title: "b" };
      });
      expectTypeOf((await sessions.read(session))[0]?.value?.role).toEqualTypeOf<
        "user" | "assistant" | undefined
      >();
      // @ts-expect-error: nobody else speaks
      await sessions.append(session, { value: { role: "system", text: "a" } });
    });
  });
});
