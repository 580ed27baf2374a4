import { expect, test } from "vitest";
import {
  newEventId,
  openStore,
  type SessionIdentity,
  type StateStore,
  userIdentity,
} from "../../src/index.js";
import { createSessions } from "../../src/sessions/index.js";
import type { Codec } from "../../src/typed/index.js";
import { isSoak } from "../soak.js";
import { losingAnswers } from "../typed/lost-answers.js";
import { inMemory, onEveryStore } from "../typed/stores.js";
import { dyingAt, newUser, withMethods } from "./rig.js";

const BY = { by: "grace", reason: "a card number" };

async function exported(store: StateStore, who: SessionIdentity): Promise<string[]> {
  const lines: string[] = [];
  for await (const line of createSessions(store).export(who)) lines.push(line);
  return lines;
}

/** The lines without the one that names the identity. */
const content = (lines: readonly string[]) => lines.slice(1);

/** A line of an export with other content. */
function changed(line: string | undefined, change: (content: Record<string, unknown>) => object): string {
  const [name = "", given] = Object.entries(JSON.parse(line ?? ""))[0] ?? [];
  return JSON.stringify({ [name]: change(given as Record<string, unknown>) });
}

/** A session with everything that an export has to keep. */
async function full(store: StateStore) {
  const sessions = createSessions(store);
  const user = newUser();
  const who = { ...user, session: "source" };
  await sessions.create(who, { metadata: { title: "Ünï", ["__proto__"]: 1 } });
  const odd = JSON.parse('{"__proto__":{"x":1},"text":"\\u2028\\n","n":1e21,"none":null}');
  await sessions.append(
    who,
    ["a", odd, "c", "d", "e"].map((value, index) => ({ id: `id-${index}`, value })),
  );
  await sessions.replace(who, { number: 1, value: "a!" });
  await sessions.redact(who, 3, BY);
  await sessions.truncate(who, { after: 4 });
  await sessions.append(who, [{ value: "f" }, { id: "id-6", value: "g" }]);
  await sessions.pop(who);
  await sessions.saveSummary(who, { upTo: 2, value: ["two"] });
  for (const key of ["k", "\u{10000}", "\uffff"]) await sessions.sessionState(who).set(key, { key });
  await sessions.pin(who);
  await sessions.close(who);
  return { sessions, user, who };
}

onEveryStore((opened) => {
  test("an import of an export is the same session in another tenant, line by line", async () => {
    const { sessions, who } = await full(opened.store);
    const lines = await exported(opened.store, who);
    expect(JSON.parse(lines[0] as string)).toEqual({ export: { of: "session", version: 1, identity: who } });
    expect(lines.map((line) => Object.keys(JSON.parse(line))[0])).toEqual([
      ...["export", "session", "event", "event", "event", "event", "event"],
      ...["summary", "state", "state", "state", "end"],
    ]);
    const to = { ...newUser(), session: "copy" };
    const { session, duplicate } = await sessions.import(to, lines);
    expect(duplicate).toBe(false);
    expect(session).toEqual({ ...(await sessions.get(who)), identity: to });
    expect(await sessions.read(to)).toEqual(await sessions.read(who));
    expect(await sessions.summaries(to)).toEqual(await sessions.summaries(who));
    expect(content(await exported(opened.store, to))).toEqual(content(lines));
    expect((await sessions.list(to)).sessions).toEqual([session]);
    expect(await sessions.import(to, lines)).toEqual({ session, duplicate: true });
    // It goes on as the source would.
    await sessions.reopen(to);
    expect((await sessions.append(to, { value: "next" })).numbers).toEqual([8]);
    expect(
      await sessions.append(to, { id: "id-1", value: (await sessions.read(who))[1]?.value ?? null }),
    ).toEqual({
      duplicate: true,
      numbers: [2],
    });
  });

  test("a session that was deleted is restored under its name, within the idempotency window", async () => {
    const { sessions, who } = await full(opened.store);
    const lines = await exported(opened.store, who);
    await sessions.delete(who);
    await sessions.import(who, lines);
    expect(await exported(opened.store, who)).toEqual(lines);
    await expect(sessions.import(who, changedEnd(lines))).rejects.toMatchObject({ code: "ALREADY_EXISTS" });
  });

  test("an import that is interrupted is not seen, and the same lines finish it without doubles", async () => {
    const { sessions, who } = await full(opened.store);
    await sessions.reopen(who);
    for (let batch = 0; batch < 6; batch++)
      await sessions.append(
        who,
        Array.from({ length: 200 }, (_, index) => ({ id: `${batch}-${index}`, value: index })),
      );
    const lines = await exported(opened.store, who);
    const to = { ...newUser(), session: "copy" };
    let deaths = 0;
    for (let died = true; died; deaths += died ? 1 : 0) {
      const dying = createSessions(dyingAt(opened.store, "commit", deaths + 1));
      died = await dying.import(to, lines).then(
        () => false,
        () => true,
      );
      if (!died) break;
      expect(await sessions.find(to)).toBeUndefined();
      await expect(sessions.read(to)).rejects.toMatchObject({ code: "NOT_FOUND" });
      if (deaths === 0) continue;
      await expect(sessions.create(to)).rejects.toMatchObject({ code: "ALREADY_EXISTS" });
      const others = lines.map((line, index) => (index === 3 ? lines[2] : line) as string);
      await expect(sessions.import(to, others)).rejects.toMatchObject({ code: "INVALID_RECORD" });
    }
    expect(deaths).toBeGreaterThan(1);
    expect(content(await exported(opened.store, to))).toEqual(content(lines));
    expect(await opened.store.list(userIdentity(to.tenant, to.user), "session.filling")).toEqual([]);
  });

  test("two imports at once make one session, also over a bad line", async () => {
    const { who } = await full(opened.store);
    const lines = await exported(opened.store, who);
    const to = { ...newUser(), session: "copy" };
    const store = losingAnswers(opened.store, { requests: 0.2, replies: 0.2, mostPerWrite: 2 });
    const made = await Promise.all(
      [store, opened.store, opened.store].map((own) => createSessions(own).import(to, lines)),
    );
    expect(made.filter(({ duplicate }) => !duplicate).length).toBeLessThanOrEqual(1);
    expect(content(await exported(opened.store, to))).toEqual(content(lines));
  });

  test("a damaged event is a marked line, and damaged where it is imported", async () => {
    const { sessions, who } = await full(opened.store);
    await opened.store.delete(who, "session.events/0000000000000002");
    const lines = await exported(opened.store, who);
    expect(lines[3]).toBe('{"event":{"number":2,"upTo":2,"damage":"CORRUPT"}}');
    const to = { ...newUser(), session: "copy" };
    await sessions.import(to, lines);
    const [, second, third] = await sessions.read(to, { damaged: "mark" });
    expect(second).toMatchObject({ number: 2, damage: { code: "CORRUPT" } });
    expect(third).toMatchObject({ number: 3, redacted: BY });
    expect(content(await exported(opened.store, to))).toEqual(content(lines));
  });
});

/** The same number of lines, of which one says something else. */
function changedEnd(lines: readonly string[]): string[] {
  return lines.map((line, index) =>
    index === 2 ? changed(line, (event) => ({ ...event, value: "other" })) : line,
  );
}

inMemory((opened) => {
  test("lines that no export has are refused by their number, and nothing is left of them", async () => {
    const { sessions, who } = await full(opened.store);
    const limited = createSessions(opened.store, { maxJsonBytes: opened.store.limits.maxBytes });
    const lines = await exported(opened.store, who);
    const at = (index: number, line: string) => lines.map((each, other) => (other === index ? line : each));
    const edited = (index: number, change: object) =>
      at(
        index,
        changed(lines[index], (given) => ({ ...given, ...change })),
      );
    const without = (index: number) => lines.filter((_, other) => other !== index);
    const cases: [string, number, readonly unknown[]][] = [
      ["not JSON", 3, at(2, '{"event":')],
      ["no object", 3, at(2, "[1]")],
      ["null", 3, at(2, "null")],
      ["two names", 3, at(2, '{"event":{},"state":{}}')],
      ["no string", 3, at(2, 7 as never)],
      ["too long", 3, at(2, `"${"x".repeat(2_300_000)}"`)],
      ["value too large", 3, edited(2, { value: "x".repeat(1_100_000) })],
      ["prototype", 3, at(2, '{"event":{"__proto__":{},"number":1}}')],
      ["unknown field", 3, edited(2, { numbr: 1 })],
      ["number 0", 3, edited(2, { number: 0 })],
      ["number twice", 4, edited(3, { number: 1 })],
      ["number beyond", 4, edited(3, { number: 8 })],
      ["wrong order", 3, [...lines.slice(0, 2), lines[3], lines[2], ...lines.slice(4)].slice(0, 4)],
      ["id twice", 4, edited(3, { id: "id-3" })],
      ["id too long", 4, edited(3, { id: "x".repeat(106) })],
      ["no time", 4, edited(3, { at: "yesterday" })],
      ["no day", 4, edited(3, { at: "2026-02-30T00:00:00.000Z" })],
      ["no year", 4, edited(3, { at: "0000-01-01T00:00:00.000Z" })],
      ["surrogate", 4, at(3, (lines[3] as string).replace("1e+21", '"\\ud800"'))],
      ["value and bytes", 3, edited(2, { bytes: "AA==" })],
      [
        "no base64",
        3,
        at(
          2,
          changed(lines[2], ({ value: _, ...given }) => ({ ...given, bytes: "A" })),
        ),
      ],
      [
        "bytes that do not decode",
        3,
        at(
          2,
          changed(lines[2], ({ value: _, ...given }) => ({ ...given, bytes: "AA==" })),
        ),
      ],
      ["a newer version", 1, edited(0, { version: 2 })],
      ["another export", 1, edited(0, { of: "ledger" })],
      ["no header", 1, without(0)],
      ["no session", 2, without(1)],
      ["the session twice", 3, [...lines.slice(0, 2), ...lines.slice(1)]],
      ["metadata", 2, edited(1, { metadata: [] })],
      ["bounds", 2, edited(1, { next: 0 })],
      ["an event after a summary", 9, [...lines.slice(0, 8), lines[6]]],
      ["a summary of no event", 8, edited(7, { upTo: 8 })],
      ["a key twice", 10, edited(9, { key: "k" })],
      ["keys in another order", 11, [...lines.slice(0, 9), lines[10], lines[9], ...lines.slice(11)]],
      ["a line too few", 11, without(7)],
      ["no end", 11, lines.slice(0, -1)],
      ["a line after the end", 13, [...lines, lines[8]]],
      ["nothing", 0, []],
    ];
    for (const [name, line, given] of cases) {
      const to = { ...newUser(), session: "copy" };
      const failed = await limited.import(to, given as string[]).catch((error) => error);
      const expected = name === "wrong order" || name === "id twice" ? expect.any(Number) : line;
      expect({ name, code: failed.code, line: failed.details?.line ?? 0 }).toEqual({
        name,
        code: "INVALID_RECORD",
        line: expected,
      });
      expect(await opened.store.list(to, ""), name).toEqual([]);
      expect(await opened.store.list(userIdentity(to.tenant, to.user), ""), name).toEqual([]);
    }
    for (const wrong of ["text", 7, null])
      await expect(sessions.import(newUser(), wrong as never)).rejects.toMatchObject({
        details: { field: "lines" },
      });
    await expect(sessions.import(newUser(), lines, { event: 1 } as never)).rejects.toMatchObject({
      details: { field: "options" },
    });
  });

  test("an import with an event id happens once, and goes on with the same lines alone", async () => {
    const { sessions, user, who } = await full(opened.store);
    const lines = await exported(opened.store, who);
    const eventId = newEventId();
    const dying = createSessions(dyingAt(opened.store, "commit", 3));
    await expect(dying.import(user, lines, { eventId })).rejects.toThrow("died");
    await expect(sessions.import(user, changedEnd(lines), { eventId })).rejects.toMatchObject({
      code: "IDEMPOTENCY_CONFLICT",
    });
    const { session } = await sessions.import(user, lines.join("\r\n\n").split("\n"), { eventId });
    expect(await sessions.import(user, lines, { eventId })).toEqual({ session, duplicate: true });
    await expect(sessions.import(user, changedEnd(lines), { eventId })).rejects.toMatchObject({
      code: "IDEMPOTENCY_CONFLICT",
    });
    await sessions.delete(session.identity);
    await expect(sessions.import(user, lines, { eventId })).rejects.toMatchObject({ code: "NOT_FOUND" });
    expect(await opened.store.list(session.identity, "")).toEqual([]);
  });

  test("an export is of one moment, or ends with an error and cannot be imported", async () => {
    const { sessions, who } = await full(opened.store);
    await sessions.reopen(who);
    const edits: [boolean, () => Promise<unknown>][] = [
      [true, () => sessions.append(who, { value: "later" })],
      [false, () => sessions.replace(who, { number: 2, value: "other" })],
      [true, () => sessions.sessionState(who).set("k", 2)],
      [false, () => sessions.changeMetadata(who, () => ({ title: "other" }))],
      [false, () => sessions.trim(who, { upTo: 1 })],
      [false, () => sessions.truncate(who, { after: 2 })],
    ];
    for (const [isFine, edit] of edits) {
      const lines: string[] = [];
      const whole = (async () => {
        for await (const line of sessions.export(who)) {
          lines.push(line);
          if (lines.length === 4) await edit();
        }
      })();
      if (isFine) await whole;
      else {
        await expect(whole).rejects.toMatchObject({ code: "UNAVAILABLE", details: { reason: "busy" } });
        await expect(sessions.import(newUser(), lines)).rejects.toMatchObject({ code: "INVALID_RECORD" });
      }
    }
    await expect(sessions.export({ ...who, session: "none" }).next()).rejects.toMatchObject({
      code: "NOT_FOUND",
    });
    expect(() => sessions.export({ ...who, run: "r" } as never)).toThrow("run");
    const aborted = AbortSignal.abort(new Error("enough"));
    await expect(sessions.export(who, { signal: aborted }).next()).rejects.toThrow("enough");
  });

  test("an import that waits for its next line ends with the signal, and closes what it read from", async () => {
    const { sessions, who } = await full(opened.store);
    const lines = await exported(opened.store, who);
    const abort = new AbortController();
    let isClosed = false;
    const waiting: AsyncIterable<string> = {
      [Symbol.asyncIterator]: () => {
        let next = 0;
        return {
          async next() {
            if (next < 4) return { done: false, value: lines[next++] as string };
            abort.abort(new Error("enough"));
            return new Promise<never>(() => {});
          },
          async return() {
            isClosed = true;
            return { done: true, value: undefined };
          },
        };
      },
    };
    const to = { ...newUser(), session: "copy" };
    await expect(sessions.import(to, waiting, { signal: abort.signal })).rejects.toThrow("enough");
    expect(isClosed).toBe(true);
    await sessions.import(to, lines);
    expect(content(await exported(opened.store, to))).toEqual(content(lines));
  });

  test("values that are no JSON come in base64, and read as they were", async () => {
    const reversed: Codec<string> = {
      version: 3,
      encode: (value) => Buffer.from(value).reverse(),
      decode: (bytes) => Buffer.from(bytes).reverse().toString(),
    };
    const sessions = createSessions(opened.store, { events: reversed });
    const who = { ...newUser(), session: "source" };
    await sessions.create(who);
    await sessions.append(who, { id: "m-1", value: "hello" });
    const lines: string[] = [];
    for await (const line of sessions.export(who)) lines.push(line);
    expect(JSON.parse(lines[2] as string).event).toMatchObject({ version: 3, bytes: "b2xsZWg=" });
    const { session } = await sessions.import(newUser(), lines);
    expect(await sessions.read(session.identity)).toMatchObject([{ id: "m-1", value: "hello" }]);
    // A store whose codec is older does not take them for damaged.
    await expect(createSessions(opened.store).import(newUser(), lines)).rejects.toMatchObject({
      code: "SCHEMA_TOO_NEW",
    });
  });

  test("a long session is exported and imported without being held", async () => {
    const sessions = createSessions(opened.store);
    const who = { ...newUser(), session: "source" };
    await sessions.create(who);
    const value = "x".repeat(100_000);
    for (let batch = 0; batch < 4; batch++)
      await sessions.append(
        who,
        Array.from({ length: 50 }, () => ({ value })),
      );
    let [most, commit] = [0, 0];
    const counting = withMethods(opened.store, {
      async list(...args: never[]) {
        const listed = await Reflect.apply(opened.store.list, opened.store, args);
        most = Math.max(most, listed.length);
        return listed;
      },
      async commit(changes, options) {
        commit = Math.max(commit, changes.length);
        return opened.store.commit(changes, options);
      },
    } as Partial<StateStore>);
    const passing = createSessions(counting);
    const to = { ...newUser(), session: "copy" };
    await passing.import(to, passing.export(who));
    // Pages and commits of 4 MiB.
    expect(most).toBeLessThan(50);
    expect(commit).toBeLessThan(50);
    expect((await sessions.read(to)).length).toBe(200);
  });
});

test.runIf(isSoak)("an event of the largest size is exported and imported", async () => {
  const store = await openStore("memory:", { maxBytes: 16 * 1024 * 1024 });
  const sessions = createSessions(store);
  const who = { ...newUser(), session: "source" };
  await sessions.create(who);
  const large = "x".repeat(16 * 1024 * 1024 - 1_000);
  for (const value of ["small", large, "small"]) await sessions.append(who, { value });
  const { session } = await sessions.import(newUser(), sessions.export(who));
  const found = await sessions.read(session.identity);
  expect(found.map(({ value }) => String(value).length)).toEqual([5, large.length, 5]);
  await store.close();
});
