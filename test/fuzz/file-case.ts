import { existsSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import Database from "better-sqlite3";
import { openSqlite } from "../../drivers/sqlite/index.js";
import type { Layer } from "../../src/contract/driver.js";
import { isStateError } from "../../src/contract/errors.js";
import type { StateStore } from "../../src/contract/store.js";
import { createStore } from "../../src/store/driver-store.js";
import type { Choices } from "./choices.js";
import type { Files, State } from "./image.js";
import { judge, type Verdict } from "./judge-image.js";
import { type Reading, readImage } from "./read-image.js";
import { writeSome } from "./write-image.js";

export interface FileCase {
  /** Where the files are put. */
  readonly path: string;
  readonly files: Files;
  readonly states: readonly State[];
  readonly thread?: "inline" | "worker";
  /** What else is done, or goes wrong: for controls. */
  readonly layer?: Layer;
  readonly open?: typeof openSqlite;
}

const SUFFIXES = { database: "", log: "-wal", shared: "-shm", journal: "-journal" } as const;

/** Opens the files, and reads all there is: what it came to, or why they were refused. Throws what may not be. */
export async function openCase(given: FileCase): Promise<Verdict | string> {
  put(given);
  return withStore(given, async (store) => judge(await readImage(store, given.states), given.states));
}

/** What opening a damaged file may say. */
const REFUSALS = ["CORRUPT", "INVALID_RECORD", "SCHEMA_TOO_NEW", "SCHEMA_OUTDATED"];

/** What it came to; throws when damage was passed over in silence, unless it is SQLite's own to notice. */
export function assertSaid(given: FileCase, verdict: Verdict | string): string {
  if (typeof verdict === "string") {
    if (!REFUSALS.includes(verdict)) throw new Error(`the database is refused as ${verdict}`);
    return `refused as ${verdict}`;
  }
  const { corrupt, missing, forgotten, state } = verdict;
  if (state === given.states.length - 1) return "read as it was";
  if (state !== undefined) throw new Error("an older state is passed off as the latest");
  if (missing > 0 && isSound(given)) throw new Error("records are missing from a file that is sound");
  if (missing === 0 && corrupt === 0 && forgotten === 0) throw new Error("some answers are of another state");
  if (missing > 0) return "records missing";
  return corrupt > 0 ? "CORRUPT" : "event ids forgotten";
}

/** Which state it is; throws when it is none. */
export function assertState(verdict: Verdict | string): number {
  if (typeof verdict === "string") throw new Error(`the database is refused as ${verdict}`);
  if (verdict.state === undefined) throw new Error("it is no state that ever was");
  return verdict.state;
}

/** What became of a database that was written to, and opened again. */
export interface Written extends Verdict {
  /** Records that could be read before, and cannot any more although nobody wrote there. */
  readonly lost: number;
}

/**
 * Opens the files, writes into them and opens them again. Throws where something is read that was never saved there.
 */
export async function writeCase(given: FileCase, choices: Choices): Promise<Written | string> {
  put(given);
  const states = [...given.states];
  const before = await withStore(given, async (store) => {
    const reading = await readImage(store, states);
    states.push(await writeSome(store, states.at(-1) as State, choices));
    judge(await readImage(store, states), states);
    return reading;
  });
  if (typeof before === "string") return before;
  return withStore({ ...given, files: undefined }, async (store) => {
    const after = await readImage(store, states);
    return { ...judge(after, states), lost: lostBetween(before, after, states.slice(-2)) };
  });
}

function lostBetween(before: Reading, after: Reading, [old, latest]: readonly State[]): number {
  const isLost = ([key, record]: readonly [string, unknown]) =>
    typeof record === "object" &&
    latest?.get(key) === old?.get(key) &&
    typeof after.slots.get(key) === "string";
  return [...before.slots].filter(isLost).length;
}

/** Whether SQLite's own check, which walks the whole file, finds nothing wrong with it. */
export function isSound({ path, files }: FileCase): boolean {
  put({ path, files });
  const connection = new Database(path);
  try {
    return connection.pragma("integrity_check(1)", { simple: true }) === "ok";
  } catch {
    return false;
  } finally {
    connection.close();
  }
}

function put({ path, files }: Pick<FileCase, "path" | "files">): void {
  for (const [name, suffix] of Object.entries(SUFFIXES)) {
    const bytes = files[name as keyof Files];
    if (bytes === undefined) rmSync(`${path}${suffix}`, { force: true });
    else writeFileSync(`${path}${suffix}`, bytes);
  }
}

async function withStore<T>(
  given: Omit<FileCase, "states" | "files"> & { readonly files: Files | undefined },
  work: (store: StateStore) => Promise<T>,
): Promise<T | string> {
  const { path, files, thread = "inline", layer, open = openSqlite } = given;
  let store: StateStore;
  try {
    const driver = await open({ path, thread, durability: "process", busyTimeoutMs: 0 });
    store = createStore(driver, { layers: layer ? [layer] : [] });
  } catch (error) {
    if (!isStateError(error)) throw error;
    if (files !== undefined) assertLeft(path, files);
    return error.code;
  }
  try {
    return await work(store);
  } finally {
    await store.close();
  }
}

/** A database that is refused is left as it was. */
function assertLeft(path: string, files: Files): void {
  for (const name of ["database", "log", "journal"] as const) {
    const file = `${path}${SUFFIXES[name]}`;
    const before = files[name] ?? Buffer.alloc(0);
    const after = existsSync(file) ? readFileSync(file) : Buffer.alloc(0);
    if (!after.equals(before)) throw new Error(`the ${name} was changed when it was refused`);
  }
}
