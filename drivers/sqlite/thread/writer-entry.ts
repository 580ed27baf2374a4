import { parentPort } from "node:worker_threads";
import type { Outcome } from "../../../src/contract/driver.js";
import { CacheShares } from "../cache-shares.js";
import type { Engine } from "../engine.js";
import { loadPackage } from "../load-package.js";
import { openEngine } from "../open-engine.js";
import type { Answer, Request, Work } from "./messages.js";
import { unpackCommits } from "./packed-commits.js";
import { packError } from "./packed-error.js";

type Opening = Extract<Work, { op: "open" }>;

const port = parentPort as NonNullable<typeof parentPort>;
const engines = new Map<number, Engine>();
/** The page caches of all databases of this thread, in KiB. */
const caches = new CacheShares(64 * 1024, 32 * 1024);

async function open(file: number, { settings, files: known }: Opening): Promise<unknown> {
  const { connect } = await loadPackage();
  const { engine, files } = await openEngine(connect, settings, known);
  engines.set(file, engine);
  caches.add(engine);
  return files;
}

function close(file: number, engine: Engine): void {
  engines.delete(file);
  caches.remove(engine);
  engine.close();
}

function carryOut(request: Request): unknown {
  if (request.op === "open") return open(request.file, request);
  const engine = engines.get(request.file) as Engine;
  switch (request.op) {
    case "apply":
      return engine.apply(unpackCommits(request.commits), request.options).map(shared);
    case "sweep":
      return engine.sweep(request.target);
    case "backup":
      return engine.backup(request.target);
    case "give back":
      return engine.giveBack();
    case "empty log":
      return engine.emptyLog();
    case "close":
      return close(request.file, engine);
  }
}

const SHARED = [
  { is: "duplicate" },
  { is: "applied", existed: [true] },
  { is: "applied", existed: [false] },
] as const satisfies readonly Outcome[];

/** Uses one shared object for each usual outcome: an object that occurs twice in a message is copied once. */
function shared(outcome: Outcome): Outcome {
  if (outcome.is === "duplicate") return SHARED[0];
  if (outcome.is !== "applied" || outcome.existed.length !== 1 || outcome.erased !== undefined)
    return outcome;
  return outcome.existed[0] ? SHARED[1] : SHARED[2];
}

/** Answers a request. Synchronous work is done at once, which keeps the requests for a file in order. */
function serve(request: Request): void {
  const { id } = request;
  const refuse = (error: unknown) => port.postMessage({ id, error: packError(error) } satisfies Answer);
  const answer = (value: unknown) => port.postMessage({ id, value } satisfies Answer);
  try {
    const value = carryOut(request);
    if (value instanceof Promise) value.then(answer, refuse);
    else answer(value);
  } catch (error) {
    refuse(error);
  }
}

port.on("message", serve);
