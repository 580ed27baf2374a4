import { inspect } from "node:util";
import { type } from "arktype";
import * as v from "valibot";
import { describe, expect, expectTypeOf, test } from "vitest";
import { z } from "zod";
import { createStore, isStateError } from "../../src/index.js";
import { type Codec, type JsonValue, json, SchemaMismatch, TypedSlot } from "../../src/typed/index.js";
import { driverWith, failure, thrown } from "../store/store-rig.js";

const textOf = (bytes: Uint8Array) => Buffer.from(bytes).toString();
const bytesOf = (text: string) => Buffer.from(text);

/** Returns the stored text of a value, and the value that is read back. */
async function roundTrip<T, Input>(codec: Codec<T, Input>, value: Input) {
  const bytes = await codec.encode(value);
  return { stored: textOf(bytes), read: await codec.decode(bytes, codec.version) };
}

describe("options", () => {
  test.each<[string, unknown]>([
    ["null", null],
    ["an unknown name", { schemas: z.string() }],
    ["a schema that is undefined", { schema: undefined }],
    ["a schema that is none", { schema: { "~standard": {} } }],
    ["a version that is undefined", { version: undefined }],
    ["a negative version", { version: -1 }],
    ["a fraction of a version", { version: 1.5 }],
    ["upgrades that are undefined", { upgrades: undefined }],
    ["upgrades that are null", { upgrades: null }],
    ["upgrades that nothing leads to", { version: 1, upgrades: { 1: (old: unknown) => old } }],
    ["upgrades without a version", { upgrades: { 0: (old: unknown) => old } }],
  ])("%s is refused", (_, options) => {
    expect(() => json(options as object)).toThrow(expect.objectContaining({ code: "INVALID_RECORD" }));
  });
});

describe("plain JSON", () => {
  test("is UTF-8 and comes back as it was", async () => {
    const value = { text: "naïve 🙂", list: [1, null, true], __proto__: null };
    expect(await roundTrip(json(), value)).toEqual({
      stored: '{"text":"naïve 🙂","list":[1,null,true]}',
      read: { text: "naïve 🙂", list: [1, null, true] },
    });
  });

  test.each([
    ["a Date", new Date(0)],
    ["NaN", Number.NaN],
    ["nothing", undefined],
  ])("%s is refused on write", async (_, value) => {
    expect(await failure((async () => json<unknown>().encode(value))())).toMatchObject({
      code: "INVALID_RECORD",
      details: { field: "value" },
    });
  });

  test.each([
    ["no bytes", Buffer.alloc(0)],
    ["wrong UTF-8", Buffer.from([0x22, 0xff, 0x22])],
    ["UTF-8 that is cut short", Buffer.from([0x22, 0xe2, 0x82])],
    ["an encoded surrogate", Buffer.from([0x22, 0xed, 0xa0, 0x80, 0x22])],
    ["half an object", bytesOf('{"secret":"hunter2"')],
    ["other text", bytesOf("hunter2")],
  ])("%s does not decode, and is not quoted; the next one does", async (_, bytes) => {
    const codec = json();
    const error = await thrown((async () => codec.decode(bytes, 0))());
    expect(String((error as Error).stack)).not.toMatch(/hunter2|secret/);
    expect((error as Error).cause).toBeUndefined();
    expect(await codec.decode(bytesOf('"good"'), 0)).toBe("good");
  });
});

const SCHEMAS = {
  zod: z.object({ name: z.string().trim(), size: z.number().default(1), at: z.coerce.date() }),
  valibot: v.object({
    name: v.pipe(v.string(), v.trim()),
    size: v.optional(v.number(), 1),
    at: v.pipe(
      v.union([v.string(), v.date()]),
      v.transform((at) => new Date(at)),
      v.date(),
    ),
  }),
  arktype: type({ name: "string.trim", size: "number = 1", at: "string.date.parse | Date" }),
};

type Read = { name: string; size: number; at: Date };
type Written = { name: string; size?: number; at: Date };
const CODECS = Object.entries(SCHEMAS).map(
  ([library, schema]) => [library, json({ schema: schema as never }) as Codec<Read, Written>] as const,
);

describe.each(CODECS)("with a schema of %s", (_, codec) => {
  const at = new Date(86_400_000);

  test("the value that the schema returns is stored: trimmed, with defaults, a Date as text", async () => {
    expect(await roundTrip(codec, { name: " ann ", at })).toEqual({
      stored: expect.stringContaining('"at":"1970-01-02T00:00:00.000Z"'),
      read: { name: "ann", size: 1, at },
    });
    expect(JSON.parse((await roundTrip(codec, { name: " ann ", at })).stored)).toMatchObject({
      name: "ann",
      size: 1,
    });
  });

  test("a value it does not accept is INVALID_RECORD with its issues", async () => {
    const encode = async () => codec.encode({ name: 13 as never, at });
    const error = await failure(encode());
    expect(error).toMatchObject({ code: "INVALID_RECORD", details: { field: "value" } });
    expect(error.cause).toBeInstanceOf(SchemaMismatch);
    expect((error.cause as SchemaMismatch).issues).toEqual([{ path: "value.name", found: "a number" }]);
  });

  test("stored values it does not accept do not decode", async () => {
    const error = await thrown((async () => codec.decode(bytesOf('{"name":"hunter2"}'), 0))());
    expect(error).toBeInstanceOf(SchemaMismatch);
    expect(String((error as Error).stack)).not.toContain("hunter2");
  });

  test("errors quote neither stored nor new values, in whatever form a library quotes them", async () => {
    const wrong = { name: ["hunter2"], size: "hunter2", at: "hunter2" };
    const stored = await thrown((async () => codec.decode(bytesOf(JSON.stringify(wrong)), 0))());
    const written = await failure((async () => codec.encode(wrong as never))());
    for (const error of [stored, written]) {
      const shown = inspect(error, { depth: 20, showHidden: true });
      expect(shown).not.toContain("hunter2");
      expect(shown).toContain("value.size");
    }
  });

  test("the value is taken when the call is made", async () => {
    const value = { name: "before", size: 1, at };
    const encoded = codec.encode(value);
    value.name = "after";
    value.size = 2;
    expect(JSON.parse(textOf(await encoded))).toMatchObject({ name: "before", size: 1 });
  });
});

describe("a schema", () => {
  test("may answer later", async () => {
    const schema = z.string().refine(async (text) => text !== "taken");
    expect(await roundTrip(json({ schema }), "free")).toEqual({ stored: '"free"', read: "free" });
    await expect(json({ schema }).encode("taken")).rejects.toMatchObject({ code: "INVALID_RECORD" });
    await expect(json({ schema }).decode(bytesOf('"taken"'), 0)).rejects.toBeInstanceOf(SchemaMismatch);
  });

  test.each<[string, z.ZodType, unknown]>([
    ["turns text into a number", z.string().transform(Number), "5"],
    ["takes Dates alone", z.date(), new Date(0)],
    ["counts up", z.number().transform((n) => n + 1), 1],
    ["makes what JSON does not have", z.string().transform(() => new Map()), "x"],
    ["makes nothing", z.string().transform(() => undefined), "x"],
  ])("that %s would not read what it wrote: refused on write", async (_, schema, value) => {
    await expect(json({ schema }).encode(value)).rejects.toMatchObject({ code: "INVALID_RECORD" });
  });

  test.each<[string, Codec<{ n: number }>]>([
    ["zod", json({ schema: z.custom<{ n: number }>() })],
    ["valibot", json({ schema: v.custom<{ n: number }>(() => true) })],
    ["arktype", json({ schema: type({ n: "number" }) })],
  ])(
    "of %s that hands back the value itself stores it as it was when the call was made",
    async (_, codec) => {
      const value = { n: 1 };
      const encoded = codec.encode(value);
      value.n = 2;
      expect(textOf(await encoded)).toBe('{"n":1}');
    },
  );

  test("that throws is passed on as it is", async () => {
    const bug = new TypeError("bug");
    const schema = z.string().refine(() => {
      throw bug;
    });
    await expect(json({ schema }).encode("x")).rejects.toBe(bug);
  });
});

describe("versions", () => {
  const upgrades = {
    0: (name: string) => ({ name }),
    1: ({ name }: { name: string }) => ({ first: name.split(" ")[0], last: name.split(" ")[1] }),
    2: (value: object) => ({ ...value, tags: [] }),
  };
  const schema = z.object({ first: z.string(), last: z.string(), tags: z.array(z.string()) });
  const codec = json({ schema, version: 3, upgrades });
  const ann = { first: "Ann", last: "Lee", tags: [] };

  test.each([
    [0, '"Ann Lee"'],
    [1, '{"name":"Ann Lee"}'],
    [2, '{"first":"Ann","last":"Lee"}'],
    [3, '{"first":"Ann","last":"Lee","tags":[]}'],
  ])("what was stored as version %i is read as version 3", async (version, stored) => {
    expect(await codec.decode(bytesOf(stored), version)).toEqual(ann);
  });

  test("an upgrade that is missing, or throws, or makes something else, does not decode", async () => {
    const gap = json({ version: 3, upgrades: { 0: upgrades[0], 2: upgrades[2] } });
    await expect((async () => gap.decode(bytesOf('"x"'), 0))()).rejects.toThrow("version 1");
    await expect((async () => codec.decode(bytesOf("5"), 1))()).rejects.toThrow(TypeError);
    await expect((async () => codec.decode(bytesOf("{}"), 2))()).rejects.toBeInstanceOf(SchemaMismatch);
    await expect((async () => json({ version: 1 }).decode(bytesOf("{}"), 0))()).rejects.toThrow("version 0");
  });

  test("a newer version is SCHEMA_TOO_NEW, even if its bytes are not JSON", async () => {
    for (const bytes of [bytesOf("{}"), Buffer.from([0xff])]) {
      const error = await failure((async () => codec.decode(bytes, 4))());
      expect(isStateError(error, "SCHEMA_TOO_NEW") && error.details).toEqual({ found: 4, supported: 3 });
    }
  });
});

test("TypeScript learns both types from the schema", () => {
  const store = createStore(driverWith({}));
  expectTypeOf(json()).toEqualTypeOf<Codec<JsonValue>>();
  expectTypeOf(json<{ n: number }>()).toEqualTypeOf<Codec<{ n: number }>>();
  const byZod = json({ schema: SCHEMAS.zod });
  expectTypeOf(byZod).toEqualTypeOf<
    Codec<{ name: string; size: number; at: Date }, { name: string; size?: number | undefined; at: unknown }>
  >();
  const byValibot = json({ schema: SCHEMAS.valibot, version: 1 });
  expectTypeOf(byValibot).toEqualTypeOf<
    Codec<
      { name: string; size: number; at: Date },
      { name: string; size?: number | undefined; at: string | Date }
    >
  >();
  const byArktype = json({ schema: SCHEMAS.arktype });
  expectTypeOf(byArktype).toEqualTypeOf<
    Codec<{ name: string; size: number; at: Date }, { name: string; size?: number; at: string | Date }>
  >();

  // Also when the options are made before, and version fits the options without a schema as well.
  const options = { schema: SCHEMAS.zod, version: 1 };
  expectTypeOf(json(options)).toEqualTypeOf<typeof byZod>();

  const slot = new TypedSlot(store, "s", { codec: json({ schema: SCHEMAS.zod }) });
  expectTypeOf(slot).toEqualTypeOf<
    TypedSlot<
      { name: string; size: number; at: Date },
      { name: string; size?: number | undefined; at: unknown }
    >
  >();
  expectTypeOf(slot.get).returns.resolves.toEqualTypeOf<
    { name: string; size: number; at: Date } | undefined
  >();
  const byArk = new TypedSlot(store, "s", { codec: json({ schema: type({ n: "number" }) }) });
  expectTypeOf(byArk.get).returns.resolves.toEqualTypeOf<{ n: number } | undefined>();
  const byVali = new TypedSlot(store, "s", { codec: json({ schema: v.object({ n: v.number() }) }) });
  expectTypeOf(byVali.set).parameter(1).toEqualTypeOf<{ n: number }>();
});
