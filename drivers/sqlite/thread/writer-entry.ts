import { parentPort, workerData } from "node:worker_threads";
import type { Outcome } from "../../../src/driver.js";
import type { Engine } from "../engine.js";
import { loadPackage } from "../load-package.js";
import { openEngine } from "../open-engine.js";
import { type Answer, OPENED, type Request, type ThreadData } from "./messages.js";
import { unpackCommits } from "./packed-commits.js";
import { packError } from "./packed-error.js";

const port = parentPort as NonNullable<typeof parentPort>;

function carryOut(engine: Engine, request: Request): unknown {
  switch (request.op) {
    case "apply":
      return engine.apply(unpackCommits(request.commits), request.options).map(shared);
    case "erase":
      return engine.erase(...request.session);
    case "close":
      return engine.close();
  }
}

const SHARED = [
  { is: "duplicate" },
  { is: "applied", existed: [true] },
  { is: "applied", existed: [false] },
] as const satisfies readonly Outcome[];

/** The usual outcomes as one object each: what is sent twice in one message is copied once. */
function shared(outcome: Outcome): Outcome {
  if (outcome.is === "duplicate") return SHARED[0];
  if (outcome.is !== "applied" || outcome.existed.length !== 1) return outcome;
  return outcome.existed[0] ? SHARED[1] : SHARED[2];
}

function answered(id: number, work: () => unknown): Answer {
  try {
    return { id, value: work() };
  } catch (error) {
    return { id, error: packError(error) };
  }
}

function serve(engine: Engine, request: Request): void {
  port.postMessage(answered(request.id, () => carryOut(engine, request)));
  if (request.op === "close") port.close();
}

async function open({ settings, files: known }: ThreadData): Promise<void> {
  try {
    const { connect } = await loadPackage();
    const { engine, files } = await openEngine(connect, settings, known);
    port.on("message", (request: Request) => serve(engine, request));
    port.postMessage({ id: OPENED, value: files } satisfies Answer);
  } catch (error) {
    port.postMessage({ id: OPENED, error: packError(error) } satisfies Answer);
  }
}

void open(workerData as ThreadData);
