/**
 * Writes through the shipped driver what the first line of its input tells it, as JSON (`WriterTask`), and says line by
 * line what was answered: first `begun`, then `ack <lane> <steps>`, `count <how far>`, `error <code> <message>`,
 * `wrong <what>`, `idle` when it has nothing more to do, and in the end `done`. It stops when its input ends.
 */
import { ftruncateSync, openSync, writeSync } from "node:fs";
import { createInterface } from "node:readline";
import { setTimeout as sleep, setImmediate as turn } from "node:timers/promises";
import { createStore } from "groundstate";
import { openSqlite } from "groundstate/drivers/sqlite";
import { DiskFilling } from "./disk-filling.mjs";
import { ask } from "./sqlite-ask.mjs";

const STDOUT = 1;
/** More than is ever said. It is there from the beginning, so that a full disk has room for it. */
const LONGEST_REPORT = 8 * 1024 * 1024;

/** @import { WriterTask } from "./sqlite-writer.js" */

let stopping = false;
const input = createInterface({ input: process.stdin });
const ended = new Promise((resolve) => {
  input.on("close", () => {
    stopping = true;
    resolve(undefined);
  });
});
/** @type {WriterTask} */
const task = JSON.parse(await new Promise((resolve) => input.once("line", resolve)));
const say = task.sayInto === undefined ? sayAloud : sayInto(task.sayInto);
const filling = new DiskFilling(task.fullDisk ?? { flag: "", times: [] });

say("begun");
for (let leg = 0; leg < task.legs && !stopping; leg++) {
  const store = await insist(async () => createStore(await openSqlite(task.config)));
  const scripts = Promise.all(task.scripts.map((script) => work(store, script, leg)));
  await Promise.all([scripts, task.count && count(store, task.count, scripts)]);
  if (task.stays && leg === task.legs - 1) {
    say("idle");
    await ended;
  }
  await store.close();
}
say("done");
process.exit();

function sayAloud(line) {
  writeSync(STDOUT, `${line}\n`);
}

function sayInto(path) {
  const file = openSync(path, "w");
  ftruncateSync(file, LONGEST_REPORT);
  let end = 0;
  return (line) => {
    end += writeSync(file, `${line}\n`, end);
  };
}

/** One leg's share of a lane's steps, one after the other. */
async function work(store, { name, first, steps }, leg) {
  const share = Math.ceil(steps.length / task.legs);
  for (const [index, step] of steps.slice(leg * share, (leg + 1) * share).entries()) {
    if (stopping) return;
    const answered = `ack ${name} ${first + leg * share + index + 1}`;
    for (let turns = step.pause; turns > 0; turns--) await turn();
    if (task.acknowledges === "early") {
      say(answered);
      await sleep(1);
    }
    await carryOut(store, step, name);
    if (task.acknowledges !== "early") say(answered);
    filling.answered();
  }
}

async function carryOut(store, step, name) {
  let inDoubt = false;
  const answer = await insist(
    () => ask(store, step),
    async (error) => {
      inDoubt ||= error.code === "OUTCOME_UNKNOWN";
      // Whatever keeps it from writing, it can be read.
      await store.find({ tenant: "acme", user: name, session: "kept" }, "k/a");
    },
  );
  const expected = step.refused ? "refused" : "done";
  // Had a try that was refused written something after all, the next would be a duplicate.
  if (answer !== expected && !inDoubt && !task.syncsFail) say(`wrong ${answer} for ${expected} in ${name}`);
}

/** Tries until it is answered, as a caller would who may try again. */
async function insist(work, failed = async (_error) => {}) {
  for (;;) {
    try {
      return await work();
    } catch (error) {
      say(`error ${error.code} ${error.message.replaceAll("\n", " ")}`);
      if (stopping || (error.code !== "UNAVAILABLE" && error.code !== "OUTCOME_UNKNOWN")) throw error;
      await failed(error);
      filling.failed();
      await sleep(1);
    }
  }
}

/** Counts up by compare-and-swap, as long as the lanes work, in a slot that other processes count in too. */
async function count(store, { identity, kind, name }, scripts) {
  let isOver = false;
  void scripts.finally(() => {
    isOver = true;
  });
  while (!isOver) {
    const current = await store.find(identity, kind);
    const version = (current?.version ?? 0) + 1;
    const record = { eventId: `${name}.${version}`, identity, kind, version, bytes: new Uint8Array() };
    try {
      if (task.acknowledges === "early") say(`count ${version}`);
      await store.save(record, { expect: current?.eventId ?? null });
      if (task.acknowledges !== "early") say(`count ${version}`);
    } catch (error) {
      if (error.code !== "CONDITION_FAILED") throw error;
    }
  }
}
