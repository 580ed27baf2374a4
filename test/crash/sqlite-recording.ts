import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, realpathSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import Database from "better-sqlite3";
import { seeded } from "../../conformance/inputs/seeded.js";
import { openSqlite } from "../../drivers/sqlite/index.js";
import { type Operation, readRecord } from "../preload/io-record.js";
import { Disk, type LeftFile } from "./disk.js";
import { makeScript, type Script } from "./sqlite-scripts.js";
import { Answers, shareOf, Writer, type WriterTask } from "./sqlite-writer.js";

export const DATABASE = "state.db";
const SAID = "said";

export interface RecordingOptions {
  readonly seed: number;
  readonly thread: "worker" | "inline";
  readonly durability?: "full" | "process";
  /** How many lanes, and of how many steps each. */
  readonly scripts: number;
  readonly steps: number;
  readonly largest: number;
  readonly legs: number;
  /**
   * What it begins with: no database, one that is made, or one of small pages. The driver's checkpoints come after so
   * many pages: with the usual ones it would take 16 MiB of writes for each.
   */
  readonly database: "none" | "made" | "small pages";
  readonly acknowledges?: "early";
  /** Of the syncs of files the first that fails, and after how many the next does. */
  readonly failSyncs?: { readonly first: number; readonly every: number };
  /** When the disk is full, and for how many failures. */
  readonly full?: readonly { readonly answers: number; readonly room: number; readonly failures: number }[];
}

/** A run of a writer: what it did to the folder of its database, and what it said, in one order. */
export interface Recording {
  readonly options: RecordingOptions;
  readonly scripts: readonly Script[];
  readonly before: readonly LeftFile[];
  readonly events: readonly (Operation | Said)[];
  /** Everything it said in the end. */
  readonly answers: Answers;
  /** The record that all this was read from. */
  readonly written: Buffer;
}

/** What the writer said, as lines. */
export interface Said {
  readonly is: "said";
  readonly lines: readonly string[];
}

/** Memory, where there is such a folder: the rigs write more than they keep. */
export function fastFolder(): string {
  const parent = existsSync("/dev/shm") ? "/dev/shm" : tmpdir();
  return realpathSync(mkdtempSync(join(parent, "groundstate-crash-")));
}

/** Runs a writer with the library made of `test/preload/io-record.c`. */
export async function record(library: string, options: RecordingOptions): Promise<Recording> {
  const root = fastFolder();
  try {
    const folder = join(root, "folder");
    mkdirSync(folder);
    if (options.database !== "none") await make(join(folder, DATABASE), options.database === "small pages");
    const before = filesOf(folder);
    const ended = await run(library, options, root, folder);
    const recording = recordingOf(options, before, readFileSync(join(root, "record")));
    const { answers } = recording;
    if (ended !== 0 || !answers.isDone)
      throw new Error(`the writer ended with ${ended}: ${answers.errors.at(-1)}`);
    requireComplete(recording, filesOf(folder));
    return recording;
  } finally {
    rmSync(root, { recursive: true, force: true });
  }
}

/** The recording that was written down so. */
export function recordingOf(
  options: RecordingOptions,
  before: readonly LeftFile[],
  written: Buffer,
): Recording {
  const events = eventsOf(readRecord(written));
  const answers = new Answers();
  for (const event of events) if (event.is === "said") answers.hear(...event.lines);
  return { options, scripts: lanesOf(options), before, events, answers, written };
}

/** How often the database was brought up to date with its log. */
export function checkpointsIn({ events }: Recording): number {
  const names = new Map<bigint, string>();
  return events.filter((event) => {
    if (event.is === "open") names.set(event.inode, event.name);
    return event.is === "sync" && names.get(event.inode) === DATABASE;
  }).length;
}

/** What was done to the files that count, and what was said. */
function eventsOf(operations: readonly Operation[]): readonly (Operation | Said)[] {
  const names = new Map<bigint, string>();
  return operations.flatMap((operation): readonly (Operation | Said)[] => {
    if (operation.is === "open") names.set(operation.inode, operation.name);
    const name = "inode" in operation ? (names.get(operation.inode) as string) : "";
    if (operation.is === "write" && name === SAID) return [saidIn(operation.bytes)];
    return isLasting(name) ? [operation] : [];
  });
}

function saidIn(bytes: Buffer): Said {
  return { is: "said", lines: bytes.toString().trimEnd().split("\n") };
}

/** What the processes share in memory is made anew after a power cut, whatever is left of it. */
function isLasting(name: string): boolean {
  return name !== SAID && !name.endsWith("-shm");
}

function lanesOf({ scripts, seed, steps, largest }: RecordingOptions): readonly Script[] {
  return Array.from({ length: scripts }, (_, number) => {
    return makeScript(`lane${number}`, seed * 100 + number, { steps, largest });
  });
}

async function make(path: string, smallPages: boolean): Promise<void> {
  await (await openSqlite({ path, thread: "inline" })).close();
  if (!smallPages) return;
  const connection = new Database(path);
  connection.exec("PRAGMA journal_mode = DELETE; PRAGMA page_size = 512; VACUUM; PRAGMA journal_mode = WAL");
  connection.close();
}

function run(
  library: string,
  options: RecordingOptions,
  root: string,
  folder: string,
): Promise<number | string> {
  const { thread, durability = "full", legs, acknowledges, failSyncs, full } = options;
  const flag = join(root, "full");
  const task: WriterTask = {
    config: { path: join(folder, DATABASE), thread, durability },
    scripts: lanesOf(options).map((script) => shareOf(script)),
    legs,
    sayInto: join(folder, SAID),
    ...(acknowledges ? { acknowledges } : {}),
    ...(failSyncs ? { syncsFail: true } : {}),
    ...(full ? { fullDisk: { flag, times: [...full] } } : {}),
  };
  const writer = new Writer(task, new Answers(), {
    LD_PRELOAD: library,
    IO_RECORD_FOLDER: folder,
    IO_RECORD_LOG: join(root, "record"),
    IO_RECORD_FULL: flag,
    ...(failSyncs ? { IO_RECORD_FAIL_SYNC: `${failSyncs.first},${failSyncs.every}` } : {}),
  });
  return writer.ended;
}

function filesOf(folder: string): readonly LeftFile[] {
  const names = readdirSync(folder).filter(isLasting);
  return names.map((name) => ({ names: [name], bytes: readFileSync(join(folder, name)) }));
}

/** A rig that is blind to some of the writes would find nothing wrong. */
function requireComplete({ events, before }: Recording, after: readonly LeftFile[]): void {
  const disk = new Disk(before, seeded(0));
  for (const event of events) {
    // A program still sees what a failed sync did not write.
    if (event.is !== "said" && event.is !== "failed sync") disk.carryOut(event);
  }
  if (textOf(disk.after("everything", seeded(0))) !== textOf(after)) {
    throw new Error("what was recorded is not what was written");
  }
}

function textOf(files: readonly LeftFile[]): string {
  const texts = files.map(({ names, bytes }) => `${names} ${Buffer.from(bytes).toString("base64")}`);
  return texts.sort().join("\n");
}
