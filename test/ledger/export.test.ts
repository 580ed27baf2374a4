import { describe, expect, test } from "vitest";
import { userIdentity } from "../../src/index.js";
import { LedgerCells } from "../../src/ledger/cells.js";
import { createLedger, type ExportOptions, type Ledger } from "../../src/ledger/index.js";
import { OrderedReader } from "../../src/ledger/ordered-reader.js";
import { Reader } from "../../src/ledger/reader.js";
import { newSession, onEveryStore } from "../typed/stores.js";

const START = Date.parse("2026-01-31T22:00:00Z");
const CALL = { provider: "p", model: "m", cost: "0.25" };

/** A reader of RFC 4180 of its own. */
function readCsv(text: string): Record<string, string>[] {
  const rows: string[][] = [[""]];
  for (let at = 0, isQuoted = false; at < text.length; at++) {
    const row = rows.at(-1) as string[];
    const char = text[at] as string;
    if (char === '"' && isQuoted && text[at + 1] === '"') {
      row[row.length - 1] += '"';
      at++;
    } else if (char === '"') isQuoted = !isQuoted;
    else if (isQuoted) row[row.length - 1] += char;
    else if (char === ",") row.push("");
    else if (text.startsWith("\r\n", at)) {
      rows.push([""]);
      at++;
    } else row[row.length - 1] += char;
  }
  const [names = [], ...lines] = rows;
  expect(lines.pop()).toEqual([""]);
  expect(lines.every(({ length }) => length === names.length)).toBe(true);
  return lines.map((line) => Object.fromEntries(line.map((cell, index) => [names[index], cell])));
}

async function textOf(ledger: Ledger, scope: Parameters<Ledger["export"]>[0], options: ExportOptions) {
  let text = "";
  for await (const piece of ledger.export(scope, options)) text += piece.text;
  return text;
}

const idsOf = (lines: string) =>
  lines
    .trim()
    .split("\n")
    .filter(Boolean)
    .map((line) => JSON.parse(line).id as string);

onEveryStore((opened) => {
  /** Calls of three users, not recorded in the order of their times, over two days, with corrections. */
  async function accounts(count = 60) {
    const ledger = createLedger(opened.store);
    const { tenant } = newSession();
    const times = Array.from({ length: count }, (_, n) => START + ((n * 37) % count) * 240_000);
    const receipts = await Promise.all(
      times.map((at, n) =>
        ledger.record(
          { tenant, user: `u${n % 3}`, session: `s${n % 4}`, run: `r${n % 2}` },
          { ...CALL, model: `m${n % 2}`, at: new Date(at) },
        ),
      ),
    );
    for (const { entry } of receipts.slice(0, 3))
      await ledger.adjust({ tenant, user: entry.user }, entry.id, { reason: "part", by: { cost: "-0.1" } });
    return { ledger, tenant, count: count + 3 };
  }

  test("a tenant, a user, a session and a run are exported in the order of time, each entry once, sums and all", async () => {
    const { ledger, tenant, count } = await accounts();
    const ids = idsOf(await textOf(ledger, { tenant }, { format: "jsonl" }));
    expect(ids).toEqual([...new Set(ids)].sort());
    expect(ids).toHaveLength(count);
    const rows = readCsv(await textOf(ledger, { tenant }, { format: "csv" }));
    expect(rows.map(({ id }) => id)).toEqual(ids);
    const cost = rows.reduce((sum, row) => sum + Math.round(Number(row.cost) * 100), 0) / 100;
    expect(String(cost)).toBe((await ledger.totals({ tenant })).cost);
    expect(rows.filter(({ adjusts }) => adjusts !== "").map(({ reason }) => reason)).toEqual(
      Array(3).fill("part"),
    );
    for (const scope of [
      { tenant, user: "u1" },
      { tenant, user: "u1", session: "s2" },
      { tenant, user: "u1", session: "s2", run: "r0" },
    ]) {
      const own = idsOf(await textOf(ledger, scope, { format: "jsonl" }));
      expect(own).toEqual((await ledger.entries(scope)).map(({ id }) => id));
      const { calls } = await ledger.totals(scope);
      expect(own.length).toBeGreaterThanOrEqual(calls);
      expect(own).toEqual([...own].sort());
    }
    const [since, until] = [new Date(START + 3_600_000), new Date(START + 3 * 3_600_000)];
    const some = await textOf(ledger, { tenant, model: "m1" }, { format: "jsonl", since, until });
    const expected = rows.filter(
      ({ at = "", model }) => model === "m1" && new Date(at) >= since && new Date(at) < until,
    );
    expect(idsOf(some)).toEqual(expected.map(({ id }) => id));
    expect(expected.length).toBeGreaterThan(3);
    expect(await ledger.entries({ tenant }, { since, until, limit: 2 })).toHaveLength(2);
  });

  test("an export goes on behind any entry, without a header", async () => {
    const { ledger, tenant } = await accounts(20);
    const whole = await textOf(ledger, { tenant }, { format: "csv" });
    const lines = whole.split("\r\n");
    for (const [index, row] of readCsv(whole).entries()) {
      const after = row.id as string;
      const rest = await textOf(ledger, { tenant }, { format: "csv", after });
      expect(rest).toBe(lines.slice(index + 2).join("\r\n"));
    }
    const pieces = [];
    for await (const piece of ledger.export({ tenant: "nobody" }, { format: "csv" })) pieces.push(piece);
    expect(pieces).toEqual([{ text: expect.stringMatching(/^id,at,.*\r\n$/), entries: 0 }]);
  });

  test("names come back from CSV as they were given, and none is a formula", async () => {
    const ledger = createLedger(opened.store);
    const who = newSession();
    const names = [
      "=1+1",
      "+1",
      "-1",
      "@SUM(A1)",
      " =1",
      "\t=1",
      "＝1",
      "'=1",
      "a,b",
      'say "hi"',
      "a\r\nb",
      "\rb",
      "plain",
    ];
    for (const [second, model] of names.entries())
      await ledger.record(who, {
        ...CALL,
        model,
        tags: { team: model },
        at: new Date(START + second * 1000),
      });
    const { entry } = await ledger.record(who, { ...CALL, at: new Date(START + 60_000) });
    await ledger.adjust(who, entry.id, { reason: "=HYPERLINK()", by: { cost: "-0.05" } });
    const rows = readCsv(await textOf(ledger, { tenant: who.tenant }, { format: "csv" }));
    const cells = rows.slice(0, names.length).map(({ model = "" }) => model);
    for (const cell of cells) expect(cell).not.toMatch(/^\s*[=+\-@＝]|^[\t\r]/);
    const given = cells.map((cell) => (/^'+\s*[=+\-@＝]|^'+[\t\r]/.test(cell) ? cell.slice(1) : cell));
    expect(given).toEqual(names);
    expect(rows.slice(0, names.length).map(({ tags = "" }) => JSON.parse(tags).team)).toEqual(names);
    // Money is a number, also below 0.
    expect(rows.at(-1)).toMatchObject({ cost: "-0.05", reason: "'=HYPERLINK()" });
  });

  test("what is forgotten while it is exported is in it once, and what is damaged ends it behind what was read", async () => {
    const { ledger, tenant, count } = await accounts();
    const reader = new OrderedReader(
      new LedgerCells(opened.store),
      new Reader(new LedgerCells(opened.store)),
      7,
    );
    const ids: string[] = [];
    for await (const { id } of reader.entries({ tenant }, {}, undefined)) {
      ids.push(id.slice(id.lastIndexOf("/") + 1));
      if (ids.length === 10) await ledger.forgetUser({ tenant, user: "u0" });
      if (ids.length === 20) await ledger.forget({ tenant, user: "u1", session: "s2" });
    }
    expect(ids).toEqual([...new Set(ids)].sort());
    expect(ids).toHaveLength(count);
    const { store } = opened;
    const owner = userIdentity(tenant, "u2");
    const [record] = await store.list(owner, "ledger.entry/", { limit: 1, reverse: true });
    if (record === undefined) throw new Error("no entry is left");
    await store.save({ ...record, eventId: crypto.randomUUID(), bytes: Buffer.from("{}") });
    const time = record.kind.slice(record.kind.lastIndexOf("/") + 1);
    const kept: string[] = [];
    const read = async () => {
      for await (const { text } of ledger.export({ tenant }, { format: "jsonl" })) kept.push(...idsOf(text));
    };
    await expect(read()).rejects.toMatchObject({ code: "CORRUPT", details: { at: { kind: record.kind } } });
    expect(kept).toEqual(ids.slice(0, ids.indexOf(time)));
  });

  test("a page of places is as long as it may be, and no entry is lost between pages", async () => {
    const { tenant, count } = await accounts(30);
    const cells = new LedgerCells(opened.store);
    for (const most of [1, 2, 5, 32, 33, 34]) {
      const times: string[] = [];
      for (const scope of [{ tenant }, { tenant, user: "u1" }, { tenant, user: "u1", session: "s1" }]) {
        const found: string[] = [];
        const reader = new OrderedReader(cells, new Reader(cells), most);
        for await (const { id } of reader.entries(scope, {}, undefined))
          found.push(id.slice(id.lastIndexOf("/") + 1));
        expect(found).toEqual([...new Set(found)].sort());
        if (scope.user === undefined) times.push(...found);
        else expect(times).toEqual(expect.arrayContaining(found));
      }
      expect(times).toHaveLength(count);
    }
  });

  describe("refuses", () => {
    test.each<[string, string, object]>([
      ["a format it does not know", "format", { format: "xml" }],
      ["a place that is no entry", "after", { format: "csv", after: "page 2" }],
      ["a place that is none", "after", { format: "csv", after: undefined }],
      ["a misspelt bound", "options", { format: "csv", untill: new Date() }],
    ])("%s", (_, field, options) => {
      const ledger = createLedger(opened.store);
      expect(() => ledger.export({ tenant: "t" }, options as ExportOptions)).toThrow(
        expect.objectContaining({ code: "INVALID_RECORD", details: expect.objectContaining({ field }) }),
      );
    });

    test("to go on when its signal aborts", async () => {
      const { ledger, tenant } = await accounts(5);
      const signal = AbortSignal.abort(new Error("enough"));
      await expect(textOf(ledger, { tenant }, { format: "csv", signal })).rejects.toThrow("enough");
    });
  });
});
