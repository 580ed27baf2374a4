import { parseArgs } from "node:util";
import postgres from "postgres";
import "../../dist/drivers/index.js";
import { newEventId, openStore, type StateStore } from "../../dist/src/index.js";
import { openBenchPostgres } from "./postgres-server.js";

const USAGE = `Usage: npm --prefix bench run old-snapshot -- [--seconds 60]

Saves in turn to two databases of one server, in one of which another application holds a snapshot all the time, while
event ids pass out of their window as fast as they are made. Prints saves per second of both, and their ratio.`;

const CALLERS = 64;
const SESSIONS = 20_011;
const WINDOW_MS = 3_000;
const SLICE_MS = 1_000;

let next = 0;

const { seconds, help } = parseArgs({
  options: { seconds: { type: "string", default: "60" }, help: { type: "boolean", default: false } },
}).values;
if (help) console.log(USAGE);
else await compare(Number(seconds));

async function compare(seconds: number): Promise<void> {
  const held = await openBenchPostgres(process.env.GROUNDSTATE_BENCH_POSTGRES);
  const admin = postgres(held.url, { max: 1, onnotice() {} });
  const name = `${new URL(held.url).pathname.slice(1)}_beside`;
  await admin.unsafe(`CREATE DATABASE ${name}`);
  const beside = new URL(held.url);
  beside.pathname = name;
  const open = (url: string) => openStore({ driver: "postgres", url, idempotencyWindowMs: WINDOW_MS });
  const stores = { with: await open(held.url), without: await open(beside.href) };
  for (const store of Object.values(stores)) await saveFor(store, 2 * WINDOW_MS);
  await admin.unsafe("BEGIN ISOLATION LEVEL REPEATABLE READ");
  await admin.unsafe("SELECT count(*) FROM pg_class");
  let sums = { with: 0, without: 0 };
  for (let second = 0; second < seconds; second += (2 * SLICE_MS) / 1_000) {
    const slice = {
      with: await saveFor(stores.with, SLICE_MS),
      without: await saveFor(stores.without, SLICE_MS),
    };
    sums = { with: sums.with + slice.with, without: sums.without + slice.without };
    if (second % 10 === 0) console.log(`${second} s: ${slice.with} with, ${slice.without} without`);
  }
  console.log(`snapshot of ${seconds} s: ${(sums.with / sums.without).toFixed(2)} of the saves without one`);
  await admin.unsafe("COMMIT");
  for (const store of Object.values(stores)) await store.close();
  await admin.unsafe(`DROP DATABASE ${name} WITH (FORCE)`);
  await admin.end({ timeout: 5 });
  await held.stop();
}

/** Saves a second. */
async function saveFor(store: StateStore, ms: number): Promise<number> {
  const started = performance.now();
  const isOver = () => performance.now() - started >= ms;
  let saves = 0;
  const caller = async () => {
    for (; !isOver(); saves++) {
      const n = next++;
      const identity = { tenant: `t${n % 50}`, user: "u", session: `s${n % SESSIONS}` };
      await store.save({ eventId: newEventId(), identity, kind: "k", bytes: Buffer.alloc(256, n) });
    }
  };
  await Promise.all(Array.from({ length: CALLERS }, caller));
  return Math.round((saves * 1_000) / (performance.now() - started));
}
