import { join } from "node:path";
import { PostgresSaver } from "@langchain/langgraph-checkpoint-postgres";
import { SqliteSaver } from "@langchain/langgraph-checkpoint-sqlite";
import type { Contestant, Setting } from "../contestant.js";
import { langgraphTurns } from "./langgraph-turns.js";
import { durabilityOf } from "./sqlite-database.js";

export function open({ folder, url }: Setting): Promise<Contestant> {
  return url === undefined ? onSqlite(folder) : onPostgres(url);
}

async function onSqlite(folder: string): Promise<Contestant> {
  const saver = SqliteSaver.fromConnString(join(folder, "turns.db"));
  // It sets its journal when it is first used.
  await saver.getTuple({ configurable: { thread_id: "first" } });
  saver.db.pragma("synchronous = FULL");
  return langgraphTurns(saver, durabilityOf(saver.db), () => saver.db.close());
}

async function onPostgres(url: string): Promise<Contestant> {
  const saver = PostgresSaver.fromConnString(url, { schema: "turns_official" });
  await saver.setup();
  return langgraphTurns(saver, "pool of 10 connections, as it makes it", () => saver.end());
}
