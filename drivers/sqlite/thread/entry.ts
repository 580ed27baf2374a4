import { parentPort, workerData } from "node:worker_threads";
import type { Engine } from "../engine.js";
import { loadPackage } from "../load-package.js";
import { openEngine } from "../open-engine.js";
import { type Answer, OPENED, type Request, type ThreadData } from "./messages.js";
import { unpackCommits } from "./packed-commits.js";
import { packError } from "./packed-error.js";

const port = parentPort as NonNullable<typeof parentPort>;

function answer(id: number, work: () => unknown): void {
  port.postMessage(answered(id, work));
}

function answered(id: number, work: () => unknown): Answer {
  try {
    return { id, value: work() };
  } catch (error) {
    return { id, error: packError(error) };
  }
}

function carryOut(engine: Engine, request: Request): unknown {
  switch (request.op) {
    case "apply":
      return engine.apply(unpackCommits(request.commits), request.options);
    case "erase":
      return engine.erase(...request.session);
    case "close":
      return engine.close();
  }
}

async function open({ settings, files: known }: ThreadData): Promise<void> {
  try {
    const { connect } = await loadPackage();
    const { engine, files } = await openEngine(connect, settings, known);
    port.on("message", (request: Request) => {
      answer(request.id, () => carryOut(engine, request));
      if (request.op === "close") port.close();
    });
    answer(OPENED, () => files);
  } catch (error) {
    answer(OPENED, () => {
      throw error;
    });
  }
}

await open(workerData as ThreadData);
