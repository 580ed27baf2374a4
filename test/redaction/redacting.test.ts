import { subscribe, unsubscribe } from "node:diagnostics_channel";
import { describe, expect, onTestFinished, test } from "vitest";
import { z } from "zod";
import "../../drivers/index.js";
import { openMemory } from "../../drivers/memory/index.js";
import { createFacts } from "../../src/facts/index.js";
import { createStore, DIAGNOSTICS, type RedactionEvent } from "../../src/index.js";
import { credentials, type Redactor, redacting } from "../../src/layers/index.js";
import { Sieve } from "../../src/layers/redaction/sieve.js";
import { createRuntime, openRuntime } from "../../src/runtime/index.js";
import { createSessions } from "../../src/sessions/index.js";
import { Collection, Journal, json, TypedSlot } from "../../src/typed.js";
import { ALNUM, drawn } from "./drawn.js";
import { GO } from "./go.js";

const secret = (seed: number) => ["gh", "p_"].join("") + drawn(ALNUM, 36, seed);
const MARKER = "«redacted:github-token»";
const WHO = { tenant: "acme", user: "ann", session: "s" };
const WHO_OF_FACTS = { tenant: "acme", user: "ann" };

async function memory() {
  const store = createStore(await openMemory());
  onTestFinished(() => store.close());
  return store;
}

function events(): RedactionEvent[] {
  const heard: RedactionEvent[] = [];
  const note = (event: unknown) => void heard.push(event as RedactionEvent);
  subscribe(DIAGNOSTICS.redaction, note);
  onTestFinished(() => void unsubscribe(DIAGNOSTICS.redaction, note));
  return heard;
}

describe("what is refused", () => {
  test.each<[field: string, redactors: unknown]>([
    ["redactors", "jwt"],
    ["redactors", undefined],
    ["redactors", ["no-such-kind"]],
    ["redactors", [1]],
    ["redactors", [{ kind: "a" }]],
    ["redactors", [{ kind: "a", pattern: /a/, find: () => [] }]],
    ["redactors", [{ kind: "a", pattern: /a/, flags: "g" }]],
    ["redactors.kind", [{ pattern: /a/ }]],
    ["redactors.kind", [{ kind: "", pattern: /a/ }]],
    ["redactors.kind", [{ kind: "Two words", pattern: /a/ }]],
    ["redactors.kind", [{ kind: "a».b", pattern: /a/ }]],
    ["redactors.kind", [{ kind: "x".repeat(65), pattern: /a/ }]],
    ["redactors.pattern", [{ kind: "a", pattern: "a" }]],
    ["redactors.pattern", [{ kind: "a", pattern: /a*/ }]],
    ["redactors.pattern", [{ kind: "a", pattern: /|a/g }]],
    ["redactors.find", [{ kind: "a", find: "a" }]],
  ])("%s: %j", (field, redactors) => {
    expect(() => redacting({ redactors } as never)).toThrow(
      expect.objectContaining({ code: "INVALID_RECORD", details: expect.objectContaining({ field }) }),
    );
  });

  test("an unknown option, and a redact that is none", async () => {
    expect(() => redacting({ redactor: [] } as never)).toThrow(
      expect.objectContaining({ code: "INVALID_RECORD" }),
    );
    const store = await memory();
    for (const redact of [undefined, null, {}, "all", () => "x"]) {
      const refused = expect.objectContaining({
        code: "INVALID_RECORD",
        details: expect.objectContaining({ field: "redact" }),
      });
      expect(() => createFacts(store, { redact } as never)).toThrow(refused);
      expect(() => createRuntime(store, { redact } as never)).toThrow(refused);
      await expect(openRuntime("memory:", { redact } as never)).rejects.toEqual(refused);
    }
  });
});

describe("redactors of one's own", () => {
  const own = (...redactors: Redactor[]) => redacting({ redactors }).text;

  test("stand alone, or beside those that are shipped", () => {
    const employee = { kind: "employee", pattern: /\bEMP-\d{6}\b/ };
    const text = `EMP-123456 and EMP-654321 have ${secret(1)}`;
    expect(own(employee)(text)).toBe(`«redacted:employee» and «redacted:employee» have ${secret(1)}`);
    expect(redacting({ redactors: [...credentials, employee] }).text(text)).toBe(
      `«redacted:employee» and «redacted:employee» have ${MARKER}`,
    );
    expect(redacting({ redactors: [] }).text(text)).toBe(text);
  });

  test("a pattern is copied: neither its lastIndex nor its flags g and y count", () => {
    for (const pattern of [/ab/, /ab/g, /ab/y, /ab/gy]) {
      pattern.lastIndex = 3;
      const redact = own({ kind: "k", pattern });
      expect([redact("ab ab xab"), redact("ab")]).toEqual([
        "«redacted:k» «redacted:k» x«redacted:k»",
        "«redacted:k»",
      ]);
      expect(pattern.lastIndex).toBe(3);
    }
    expect(own({ kind: "k", pattern: /ab/i })("AB")).toBe("«redacted:k»");
  });

  test("a match of no characters is none", () => {
    expect(own({ kind: "k", pattern: /(?=a)|b/ })("aab")).toBe("aa«redacted:k»");
  });

  test("find says where, in any order; what overlaps is one, named by the first redactor", () => {
    const find = () => [
      { start: 4, end: 6 },
      { start: 0, end: 2 },
    ];
    expect(own({ kind: "k", find })("abcdefgh")).toBe("«redacted:k»cd«redacted:k»gh");
    const one = { kind: "one", find: () => [{ start: 2, end: 5 }] };
    const two = { kind: "two", find: () => [{ start: 0, end: 3 }] };
    expect(own(one, two)("abcdefgh")).toBe("«redacted:one»fgh");
    expect(own(two, one)("abcdefgh")).toBe("«redacted:two»fgh");
  });

  test("what find throws fails the write, and so does a place that the text does not have", async () => {
    const facts = (find: () => never) =>
      memory().then((store) =>
        createFacts(store, { redact: redacting({ redactors: [{ kind: "k", find }] }) }),
      );
    const thrown = await facts(() => {
      throw new Error("broken");
    });
    await expect(thrown.put(WHO_OF_FACTS, ["n"], "k", "v")).rejects.toThrow("broken");
    for (const [start, end] of [
      [-1, 1],
      [0, 9],
      [1, 1],
      [2, 1],
      [0.5, 1],
      ["0", 1],
    ]) {
      const wrong = await facts((() => [{ start, end }]) as never);
      await expect(wrong.put(WHO_OF_FACTS, ["n"], "k", "vw")).rejects.toThrow(TypeError);
      expect(await wrong.get(WHO_OF_FACTS, ["n"], "k")).toBeUndefined();
    }
  });

  test("a marker stays, also where a redactor of one's own would find it", () => {
    const redact = own(
      { kind: "after", pattern: /(?<=key: )\S+/ },
      { kind: "letters", pattern: /[a-z]{4,}/ },
    );
    const once = redact("key: abcdef");
    expect(once).toBe("key: «redacted:after»");
    expect(redact(once)).toBe(once);
    const heard = events();
    expect(own({ kind: "letters", pattern: /[a-z]{4,}/ })(`${MARKER} ${MARKER}`)).toBe(`${MARKER} ${MARKER}`);
    expect(heard).toEqual([]);
    // A text that only has a marker in it is no marker.
    expect(own({ kind: "all", pattern: /.+/ })(`${secret(2)} ${MARKER}`)).toBe("«redacted:all»");
  });
});

describe("values", () => {
  test("keys of objects, ids, names, numbers and what is no text stay", async () => {
    const store = await memory();
    const runtime = createRuntime(store, { redact: redacting() });
    const id = secret(3);
    const value = { [id]: { n: 4_111_111_111_111_111, yes: true, none: null, list: [1, secret(4)] } };
    const { session } = await runtime.sessions.create({ ...WHO, session: id });
    await runtime.sessions.append(session.identity, { id, value });
    const [event] = await runtime.sessions.read(session.identity);
    expect(session.identity.session).toBe(id);
    expect(event).toMatchObject({
      id,
      value: { [id]: { n: 4_111_111_111_111_111, yes: true, none: null, list: [1, MARKER] } },
    });
    await runtime.facts.put(WHO_OF_FACTS, [id], id, secret(5), { id });
    expect(await runtime.facts.list(WHO_OF_FACTS, [id])).toMatchObject({
      facts: [{ namespace: [id], key: id, value: MARKER }],
    });
    await runtime.runs.start(WHO, { id, name: id, policy: id });
    expect(await runtime.runs.get(WHO, id)).toMatchObject({ id, name: id, policy: id });
    await runtime.approvals.request(WHO, { id, tool: id, arguments: {}, requester: id, step: id });
    expect(await runtime.approvals.get(WHO, id)).toMatchObject({ id, tool: id, requester: id, step: id });
  });

  test("a secret that is known by the name of its property is found there, and nothing else is", async () => {
    const store = await memory();
    const facts = createFacts(store, { redact: redacting() });
    const opaque = drawn(ALNUM, 32, 21);
    const value = {
      headers: {
        "x-api-key": opaque,
        Authorization: `Basic ${Buffer.from("ada:lovelace").toString("base64")}`,
      },
      auth: { authorization: "Bearer 12345678", secretAccessKey: drawn(ALNUM, 40, 22), accessKeyId: "mine" },
      key: opaque,
      secret: opaque,
      "api-keys": [opaque],
      "x-api-key": "<your key>",
      [`x-api-key: ${opaque}`]: "a value",
      authorization: "Bearer $TOKEN",
    };
    await facts.put(WHO_OF_FACTS, ["n"], "k", value);
    expect(await facts.get(WHO_OF_FACTS, ["n"], "k")).toEqual({
      ...value,
      headers: {
        "x-api-key": "«redacted:api-key-header»",
        Authorization: "Basic «redacted:basic-auth»",
      },
      auth: {
        authorization: "Bearer «redacted:bearer»",
        secretAccessKey: "«redacted:aws-secret-key»",
        accessKeyId: "mine",
      },
    });
    // A redactor of one's own sees the text alone, and no name is stored in its place.
    const own = redacting({ redactors: ["bearer", { kind: "own", pattern: /authorization=|secret/ }] });
    expect(own.text("a secret", { name: "authorization" })).toBe("a «redacted:own»");
  });

  test("typed shapes take redact too", async () => {
    const store = await memory();
    const heard = events();
    const redact = redacting();
    const slot = new TypedSlot<{ text: string }>(store, "profile", { redact });
    const collection = new Collection<string>(store, "notes", { codec: json<string>(), redact });
    const journal = new Journal<string>(store, "log", { redact });
    await slot.set(WHO, { text: secret(23) });
    await collection.put(WHO, secret(24), secret(24));
    await journal.append(WHO, [{ id: "1", value: secret(25) }]);
    expect((await journal.append(WHO, [{ id: "1", value: secret(26) }])).duplicate).toBe(true);
    expect(await slot.get(WHO)).toEqual({ text: MARKER });
    expect(await collection.list(WHO)).toMatchObject([{ id: secret(24), value: MARKER }]);
    expect(await journal.read(WHO)).toMatchObject([{ value: MARKER }]);
    expect(heard.map(({ wrapper }) => wrapper)).toEqual(["profile", "notes", "log", "log"]);
    expect(() => new TypedSlot(store, "a", { redact: undefined } as never)).toThrow(
      expect.objectContaining({ code: "INVALID_RECORD" }),
    );
  });

  test("the caller's own value is not changed", async () => {
    const sessions = createSessions(await memory(), { redact: redacting() });
    const { session } = await sessions.create(WHO);
    const value = { a: [secret(6)] };
    await sessions.append(session.identity, { value });
    expect(value).toEqual({ a: [secret(6)] });
  });

  test("with a schema, what the schema and toJSON made of it is redacted, and the schema reads it", async () => {
    const events = json({
      schema: z.object({ url: z.string().transform((url) => url.trim()), at: z.coerce.date() }),
    });
    const sessions = createSessions(await memory(), { events, redact: redacting() });
    const { session } = await sessions.create(WHO);
    const at = new Date(0);
    await sessions.append(session.identity, {
      value: { url: `  https://a.example/?k=${secret(7)} `, at } as never,
    });
    expect((await sessions.read(session.identity))[0]?.value).toEqual({
      url: `https://a.example/?k=${MARKER}`,
      at,
    });
    // The schema refuses what redaction leaves: nothing is stored.
    const strict = createSessions(await memory(), {
      events: json({ schema: z.string().regex(/^[a-zA-Z0-9_]+$/) }),
      redact: redacting(),
    });
    const other = await strict.create(WHO);
    await expect(strict.append(other.session.identity, { value: secret(8) })).rejects.toMatchObject({
      code: "INVALID_RECORD",
    });
    expect(await strict.read(other.session.identity)).toEqual([]);
  });

  test("a codec of one's own gets plain objects, arrays, Maps and Sets redacted, and the rest as it is", async () => {
    class Note {
      readonly text = secret(9);
    }
    let given: unknown;
    const codec = {
      version: 3,
      encode(value: unknown) {
        given = value;
        return Buffer.from("x");
      },
      decode: () => "x",
    };
    const sessions = createSessions(await memory(), { events: codec as never, redact: redacting() });
    const { session } = await sessions.create(WHO);
    const shared = { s: secret(10) };
    const cycle: Record<string, unknown> = {
      map: new Map([["k", [secret(10)]]]),
      set: new Set([secret(10)]),
      bytes: new Uint8Array([1]),
      note: new Note(),
      both: [shared, shared],
    };
    cycle.self = cycle;
    await sessions.append(session.identity, { value: cycle });
    const seen = given as typeof cycle;
    expect(seen).toMatchObject({
      map: new Map([["k", [MARKER]]]),
      set: new Set([MARKER]),
      bytes: new Uint8Array([1]),
      both: [{ s: MARKER }, { s: MARKER }],
    });
    expect([seen.self === seen, (seen.both as unknown[])[0] === (seen.both as unknown[])[1]]).toEqual([
      true,
      true,
    ]);
    expect(seen.note).toBe(cycle.note);
    expect((await sessions.read(session.identity))[0]?.value).toBe("x");
  });

  test("a text that is too long once it is redacted is refused, and not stored in part", async () => {
    const { runs } = createRuntime(await memory(), { redact: redacting() });
    await runs.start(WHO, { id: "r" });
    const reason = "postgres://u:1@h ".repeat(900);
    expect(Buffer.byteLength(reason)).toBeLessThan(16_384);
    await expect(runs.halt(WHO, "r", { reason })).rejects.toMatchObject({
      code: "INVALID_RECORD",
      details: { field: "reason" },
    });
  });
});

describe("the same call again", () => {
  test("is a duplicate, whatever its secret is by now", async () => {
    const { sessions, facts, runs, approvals, toolCalls, memories, checkpoints } = createRuntime(
      await memory(),
      {
        redact: redacting(),
      },
    );
    const { session } = await sessions.create(WHO, { metadata: { a: secret(11) }, eventId: "c" });
    const again: boolean[] = [];
    for (const seed of [11, 11, 12]) {
      const text = secret(seed);
      const created = await sessions.create(WHO, { metadata: { a: text }, eventId: "c" });
      const appended = await sessions.append(session.identity, { id: "e", value: [text] });
      const set = await sessions.sessionState(WHO).set("k", text, { eventId: "x" });
      const put = await facts.put(WHO_OF_FACTS, ["n"], "k", text, { id: "f" });
      const started = await runs.start(WHO, { id: "r", input: text });
      const requested = await approvals.request(WHO, { id: "a", tool: "t", arguments: { text } });
      await toolCalls.begin(WHO, { id: "t", tool: "t", arguments: { text }, token: "t" });
      const remembered = await memories.add(WHO_OF_FACTS, text, { id: "m" });
      const kept = await checkpoints.put(WHO, { lineage: "l", id: "p", values: { text } });
      again.push(
        ...[created, appended, set, put, started, requested, remembered, kept].map(
          ({ duplicate }) => duplicate,
        ),
      );
    }
    expect(again).toEqual([true, ...Array(7).fill(false), ...Array(16).fill(true)]);
  });

  test("an approval is of the call as it is stored, so it may be claimed with another secret", async () => {
    const { approvals } = createRuntime(await memory(), { redact: redacting() });
    await approvals.request(WHO, { id: "a", tool: "t", arguments: { to: "ada", key: secret(13) } });
    await approvals.decide(WHO, "a", { decision: "approve", by: "b" });
    const claim = (args: object) => approvals.claim(WHO, "a", { tool: "t", arguments: args });
    await expect(claim({ to: "eve", key: secret(13) })).rejects.toMatchObject({ code: "DIGEST_MISMATCH" });
    await expect(claim({ to: "ada", key: "none" })).rejects.toMatchObject({ code: "DIGEST_MISMATCH" });
    expect((await claim({ to: "ada", key: secret(14) })).status).toBe("claimed");
  });
});

describe("diagnostics", () => {
  test("say how many of each kind, in which wrapper, and never the text", async () => {
    const heard = events();
    const { sessions, facts } = createRuntime(await memory(), { redact: redacting() });
    const { session } = await sessions.create(WHO);
    const card = GO.find(({ kind }) => kind === "card-number")?.secret as string;
    const value = [`${secret(15)} ${secret(16)} ${card}`, "nothing", { deep: secret(17) }];
    await sessions.append(session.identity, { value });
    await facts.put(WHO_OF_FACTS, ["n"], "k", secret(18));
    expect(heard).toEqual([
      { wrapper: "sessions", kind: "github-token", count: 2 },
      { wrapper: "sessions", kind: "card-number", count: 1 },
      { wrapper: "sessions", kind: "github-token", count: 1 },
      { wrapper: "facts", kind: "github-token", count: 1 },
    ]);
    redacting().text(secret(19));
    expect(heard.at(-1)).toEqual({ wrapper: undefined, kind: "github-token", count: 1 });
  });
});

test("a rule is asked where one of its hints is, also within another's", () => {
  const find = () => [];
  const rules = [["abc"], ["bcd", "x"], ["ab"], ["y"], undefined].map((hints, index) => ({
    kind: `k${index}`,
    ...(hints && { hints }),
    find,
  }));
  const sieve = new Sieve(rules);
  const candidates = (text: string) => [...sieve.candidates(text)].sort();
  expect([candidates("abcd"), candidates("abd"), candidates("x"), candidates("z")]).toEqual([
    [0, 1, 2, 4],
    [0, 2, 4],
    [1, 4],
    [4],
  ]);
});

test("a wrapper's own redact takes the place of the runtime's", async () => {
  const mine = redacting({ redactors: [{ kind: "mine", pattern: /secret/ }] });
  const { facts, expiring } = createRuntime(await memory(), { redact: redacting(), facts: { redact: mine } });
  await facts.put(WHO_OF_FACTS, ["n"], "k", `secret ${secret(20)}`);
  await expiring.set(WHO, "g", "k", `secret ${secret(20)}`, { ttlMs: 60_000 });
  expect(await facts.get(WHO_OF_FACTS, ["n"], "k")).toBe(`«redacted:mine» ${secret(20)}`);
  expect(await expiring.get(WHO, "g", "k")).toBe(`secret ${MARKER}`);
});
