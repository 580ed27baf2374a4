import Database from "better-sqlite3";
import { openSqlite } from "../../drivers/sqlite/index.js";
import { createStore, maintenanceScope, type StateRecord, type StateStore } from "../../src/index.js";
import { ask } from "./sqlite-ask.mjs";
import { isWhole, laneOf, type Script, type Step, stateOfRecords, TENANT } from "./sqlite-scripts.js";

/** How many steps of a lane were answered before the crash. */
export interface ScriptPosition {
  readonly script: Script;
  readonly answered: number;
}

/** How many of the last answered steps of a lane are asked for again. */
const RETRIED = 3;

export function positions(
  scripts: readonly Script[],
  answered: ReadonlyMap<string, number>,
): ScriptPosition[] {
  return scripts.map((script) => ({ script, answered: answered.get(script.name) ?? 0 }));
}

/**
 * Opens a database after a crash with the driver and says what is wrong with it: everything that was answered must be
 * there, and known by its event ids; what was not answered must be there whole or not at all; nothing else may be
 * there. Then every lane takes one step more, as the writer would have to. Nothing said is nothing wrong. `further`
 * says what else is wrong.
 */
export async function judge(
  path: string,
  scripts: readonly ScriptPosition[],
  further: (store: StateStore) => Promise<readonly string[]> = async () => [],
): Promise<readonly string[]> {
  try {
    const store = createStore(await openSqlite({ path, thread: "inline" }));
    try {
      return [...(await judgeStore(store, path, scripts)), ...(await further(store))];
    } finally {
      await store.close();
    }
  } catch (error) {
    return [`it cannot be used: ${error}`];
  }
}

async function judgeStore(
  store: StateStore,
  path: string,
  scripts: readonly ScriptPosition[],
): Promise<readonly string[]> {
  const found = await recordsByScript(store);
  const names = new Set(scripts.map(({ script }) => script.name));
  const strays = [...found.keys()].filter((name) => !names.has(name));
  const wrong = [
    ...strays.map((name) => `${name} is nobody's`),
    ...scripts.flatMap((each) => judgeContents(found.get(each.script.name) ?? [], each)),
    ...judgeFile(path),
  ];
  if (wrong.length > 0) return wrong;
  const answers = scripts.map((each) => judgeAnswers(store, found.get(each.script.name) ?? [], each));
  return [...(await Promise.all(answers)).flat(), ...judgeStep(await recordsByScript(store), scripts)];
}

async function recordsByScript(store: StateStore): Promise<Map<string, StateRecord[]>> {
  const scope = maintenanceScope({ reason: "what a crash has left", tenant: TENANT });
  const scripts = new Map<string, StateRecord[]>();
  for (const record of await store.listKind(scope, "k/")) {
    const name = laneOf(record);
    scripts.set(name, [...(scripts.get(name) ?? []), record]);
  }
  return scripts;
}

function judgeContents(records: readonly StateRecord[], { script, answered }: ScriptPosition): string[] {
  const damaged = records.filter((record) => !isWhole(record, script));
  if (damaged.length > 0) return damaged.map(({ eventId }) => `${eventId} is not what was saved`);
  const state = stateOfRecords(records);
  if (state === script.states[answered] || state === script.states[answered + 1]) return [];
  const step = script.states.lastIndexOf(state);
  if (step < 0)
    return [`torn: ${script.name}, of which ${answered} steps were answered, stands as it never did`];
  return [`lost: ${script.name} stands after step ${step}, and ${answered} were answered`];
}

function judgeFile(path: string): string[] {
  const connection = new Database(path, { readonly: true });
  try {
    const found = connection.pragma("integrity_check", { simple: true });
    return found === "ok" ? [] : [`integrity_check: ${found}`];
  } finally {
    connection.close();
  }
}

/** Asks for answered steps again, and for the next one. */
async function judgeAnswers(
  store: StateStore,
  records: readonly StateRecord[],
  { script, answered }: ScriptPosition,
): Promise<string[]> {
  const wrong: string[] = [];
  const expectAnswer = async (index: number, expected: string | undefined) => {
    const answer = await ask(store, script.steps[index] as Step);
    if (answer !== expected) wrong.push(`step ${index} of ${script.name}, asked again, is ${answer}`);
  };
  const latest = Array.from({ length: RETRIED }, (_, back) => answered - 1 - back);
  const again = [...latest, answered >> 1].filter((index) => index >= 0 && index < answered);
  const isDone = stateOfRecords(records) !== script.states[answered];
  const next = script.steps[answered];
  await Promise.all([
    ...again
      .filter((index) => hasSaves(script.steps[index] as Step))
      .map((index) => expectAnswer(index, "duplicate")),
    ...(next ? [expectAnswer(answered, answerOf(next, isDone))] : []),
  ]);
  return wrong;
}

function hasSaves({ changes = [], refused }: Step): boolean {
  return !refused && changes.some(({ op }) => op === "save");
}

/** What a step is answered with that may have been carried out before. */
function answerOf(step: Step, isDone: boolean): string {
  if (step.refused) return "refused";
  if (!isDone) return "done";
  if (hasSaves(step)) return "duplicate";
  return step.changes?.some(({ expect }) => expect !== undefined) ? "refused" : "done";
}

function judgeStep(
  found: ReadonlyMap<string, readonly StateRecord[]>,
  scripts: readonly ScriptPosition[],
): string[] {
  return scripts.flatMap(({ script, answered }) => {
    const state = stateOfRecords(found.get(script.name) ?? []);
    const expected = script.states[Math.min(answered + 1, script.steps.length)];
    return state === expected ? [] : [`${script.name} does not go on with step ${answered}`];
  });
}
