// A program with faked timers that uses the built package: FAKER (still | node:test) WHEN (before | after) URL.
import { createRequire, syncBuiltinESMExports } from "node:module";
import { runScenario } from "./faked-scenario.mjs";

const hangs = setTimeout(() => {
  console.log("hangs");
  process.exit(1);
}, 120_000);
hangs.unref();

const [faker, when, url] = process.argv.slice(2);
const require = createRequire(import.meta.url);

// Sockets and imports of Node need nextTick, and the postgres package takes its timers from globalThis each time.
const isPostgres = url.startsWith("postgres");

/** Everything that can be faked stands still, also in Node's modules. */
function standStill() {
  const never = () => ({ ref() {}, unref() {}, hasRef: () => true });
  const all = {
    setTimeout: never,
    setInterval: never,
    setImmediate: never,
    clearTimeout() {},
    clearImmediate() {},
  };
  Object.assign(globalThis, isPostgres ? {} : all, { queueMicrotask() {} });
  Object.assign(require("node:timers"), all);
  Object.assign(require("node:timers/promises"), {
    setTimeout: () => new Promise(() => {}),
    setImmediate: () => new Promise(() => {}),
  });
  performance.now = () => 0;
  process.hrtime = Object.assign(() => [0, 0], { bigint: () => 0n });
  Date.now = () => 0;
  if (!isPostgres && when === "after") process.nextTick = () => {};
  syncBuiltinESMExports();
}

async function fake() {
  if (faker === "still") return standStill();
  const { mock } = await import("node:test");
  mock.timers.enable(isPostgres ? { apis: ["setInterval", "Date"] } : undefined);
}

if (when === "before") await fake();
const groundstate = await import("groundstate");
await import("groundstate/drivers");
const approvals = await import("groundstate/approvals");
const ledger = await import("groundstate/ledger");
const sessions = await import("groundstate/sessions");
if (when === "after") await fake();
await runScenario({ ...groundstate, ...approvals, ...ledger, ...sessions }, url);
console.log("done");
// The calls are what is tested here; that a process ends by itself is tested where no timers are faked.
process.exit();
