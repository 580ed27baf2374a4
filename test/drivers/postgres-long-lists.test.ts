import { expect, onTestFinished, test } from "vitest";
import type { PostgresClient, Rows } from "../../drivers/postgres/client.js";
import { monotonicMs } from "../../src/timing/real-timers.js";
import {
  apply,
  commit,
  failOnUncaughtErrors,
  failure,
  open,
  openFresh,
  postgresOf,
  record,
  SLOT,
} from "./postgres-rig.js";

failOnUncaughtErrors();

const { kind: _, ...OWNER } = SLOT;
const LIST = {
  identity: OWNER,
  tenant: OWNER.tenant,
  prefix: "",
  limit: Number.MAX_SAFE_INTEGER,
  maxBytes: Number.MAX_SAFE_INTEGER,
  reverse: false,
};

const kindOf = (index: number) => `kind/${String(index).padStart(5, "0")}`;

interface Watched {
  readonly pieces: number[];
  /** Called before a chunk goes to the driver; decides whether the chunk is lost. */
  onPiece: (count: number) => unknown;
}

/** Clients whose chunks a test sees and may delay. */
function watching(url: string, watched: Watched): () => PostgresClient {
  return () => {
    const sql = postgresOf(url);
    return {
      unsafe(text, parameters = [], how = {}) {
        const answer = sql.unsafe(text, parameters, how);
        return {
          // biome-ignore lint/suspicious/noThenProperty: as the client's own, it begins when it is awaited
          then: (done, failed) => answer.then(done as never, failed),
          cursor: (rows, take) =>
            answer.cursor(rows, async (piece: Rows) => {
              watched.pieces.push(piece.length);
              if ((await watched.onPiece(watched.pieces.length)) === "lose") return;
              await take(piece);
            }) as never,
        };
      },
      end: (how) => sql.end(how),
    };
  };
}

async function filled(count: number, size = 1, prepare = true) {
  const { url, driver, sql } = await openFresh();
  for (let from = 0; from < count; from += 250) {
    const writes = Array.from({ length: Math.min(250, count - from) }, (_, index) => ({
      op: "save" as const,
      record: record({ kind: kindOf(from + index), bytes: Buffer.alloc(size, 7) }),
    }));
    await apply(driver, [commit(...writes)]);
  }
  const watched: Watched = { pieces: [], onPiece() {} };
  const watchedDriver = await open({ connect: watching(url, watched), poolSize: 1, prepare });
  return { url, driver, sql, watched, watchedDriver };
}

test.each([true, false])(
  "a long list comes in pieces, from one snapshot, whoever writes in between (prepare: %s)",
  async (prepare) => {
    const { driver, watched, watchedDriver } = await filled(1200, 1, prepare);
    watched.onPiece = async (version) => {
      const saves = [0, 1199].map((index) => ({
        op: "save" as const,
        record: record({ kind: kindOf(index), version }),
      }));
      await apply(driver, [commit(...saves)]);
    };
    const { records, more } = await watchedDriver.scan(LIST);
    expect([records.length, more]).toEqual([1200, false]);
    expect(records.map(({ kind }) => kind)).toEqual(records.map((_, index) => kindOf(index)));
    expect([records[0]?.version, records[1199]?.version]).toEqual([0, 0]);
    expect(Math.max(...watched.pieces)).toBe(200);
    expect(watched.pieces.reduce((sum, each) => sum + each)).toBe(1200);
    const after = await driver.scan({ ...LIST, reverse: true });
    expect(after.records[0]?.version).toBe(watched.pieces.length);
  },
);

test("chunks are smaller where payloads are large", async () => {
  const { watched, watchedDriver } = await filled(40, 100_000);
  const { records } = await watchedDriver.scan(LIST);
  expect(records.map(({ bytes }) => bytes.byteLength)).toEqual(new Array(40).fill(100_000));
  expect(Math.max(...watched.pieces)).toBe(2);
});

test("a short list is one statement without chunks, and a long one has the length of its limit", async () => {
  const { watched, watchedDriver } = await filled(700);
  const short = await watchedDriver.scan({ ...LIST, prefix: "kind/004" });
  expect([short.records.length, watched.pieces]).toEqual([100, []]);
  const limited = await watchedDriver.scan({ ...LIST, limit: 500 });
  expect([limited.records.length, limited.more, watched.pieces]).toEqual([500, true, []]);
  const longer = await watchedDriver.scan({ ...LIST, limit: 650 });
  expect([longer.records.length, longer.more]).toEqual([650, true]);
});

test("a list whose caller has given up ends between two chunks, and its connection is dropped", async () => {
  const { sql, watched, watchedDriver } = await filled(1200);
  const caller = new AbortController();
  watched.onPiece = (count) => {
    if (count === 2) caller.abort(new Error("given up"));
  };
  await expect(watchedDriver.scan(LIST, { signal: caller.signal })).rejects.toThrow("given up");
  expect(watched.pieces.length).toBe(2);
  watched.onPiece = () => {};
  expect((await watchedDriver.scan(LIST)).records.length).toBe(1200);
  // The aborted list holds no snapshot any more.
  await expect
    .poll(async () => {
      const open = await sql`SELECT count(*)::int AS open FROM pg_stat_activity
        WHERE backend_xmin IS NOT NULL AND datname = current_database() AND pid <> pg_backend_pid()`;
      return open[0]?.open;
    })
    .toBe(0);
});

test("a list that takes too long, loses a chunk or loses its server fails, and the next one is complete", async () => {
  const { sql, watched, watchedDriver } = await filled(1200);
  watched.onPiece = () => new Promise((resolve) => setTimeout(resolve, 100));
  const late = await failure(watchedDriver.scan(LIST, { deadline: monotonicMs() + 250 }));
  expect(late.code).toBe("UNAVAILABLE");
  const before = watched.pieces.length;
  watched.onPiece = (count) => (count === before + 2 ? "lose" : undefined);
  expect((await failure(watchedDriver.scan(LIST))).code).toBe("UNAVAILABLE");
  watched.onPiece = async () => {
    await sql`SELECT pg_terminate_backend(pid) FROM pg_stat_activity
      WHERE datname = current_database() AND pid <> pg_backend_pid() AND query LIKE '%ORDER BY place'`;
  };
  expect((await failure(watchedDriver.scan(LIST))).code).toBe("UNAVAILABLE");
  watched.onPiece = () => {};
  expect((await watchedDriver.scan(LIST)).records.length).toBe(1200);
});

test("a client without cursors returns all rows at once", async () => {
  const { url } = await filled(700);
  const connect = () => {
    const sql = postgresOf(url);
    onTestFinished(() => sql.end({ timeout: 0 }));
    return {
      unsafe: async (...asked: Parameters<PostgresClient["unsafe"]>) => await sql.unsafe(...asked),
      end: async () => {},
    };
  };
  const driver = await open({ connect });
  expect((await driver.scan(LIST)).records.length).toBe(700);
});
