import Database from "better-sqlite3";
import { configure } from "../../../dist/drivers/sqlite/open-writer.js";

/** A file at the settings of the floor: write-ahead log, synchronous FULL, its checkpoints and cache. */
export function openLikeTheFloor(path: string): Database.Database {
  const database = new Database(path);
  configure(database, "full");
  return database;
}

const LEVELS = ["OFF", "NORMAL", "FULL", "EXTRA"];

/** What a connection says of its durability. */
export function durabilityOf(database: Database.Database): string {
  const journal = database.pragma("journal_mode", { simple: true });
  return durability(journal, database.pragma("synchronous", { simple: true }));
}

export function durability(journal: unknown, synchronous: unknown): string {
  return `journal_mode ${journal}, synchronous ${LEVELS[Number(synchronous)] ?? synchronous}`;
}

/** Does the work in one transaction; the connection must be used for nothing else meanwhile. */
export async function inTransaction(
  execute: (sql: string) => unknown,
  work: () => Promise<void>,
): Promise<void> {
  await execute("BEGIN");
  await work();
  await execute("COMMIT");
}
