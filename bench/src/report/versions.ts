import { readFileSync } from "node:fs";
import Database from "better-sqlite3";

/** Direct dependencies that only help to measure, or are part of another one. */
const LEFT_OUT = ["tsx", "@langchain/core", "@langchain/langgraph-checkpoint"];

/** Of everything that is measured. */
export function versions(): [string, string][] {
  const { dependencies } = manifest("../../package.json") as { dependencies: Record<string, string> };
  const names = Object.keys(dependencies).filter((name) => !LEFT_OUT.includes(name));
  return [
    ["node", process.versions.node],
    ["groundstate", versionOf("../../../package.json")],
    ["SQLite (of better-sqlite3)", sqliteVersion()],
    ...names.map((name): [string, string] => [name, versionOf(`../../node_modules/${name}/package.json`)]),
  ];
}

/** A package that is missing has failed to run, and must not keep the rest from being told. */
function versionOf(path: string): string {
  try {
    return (manifest(path) as { version: string }).version;
  } catch {
    return "not found";
  }
}

function manifest(path: string): unknown {
  return JSON.parse(readFileSync(new URL(path, import.meta.url), "utf8"));
}

function sqliteVersion(): string {
  const database = new Database(":memory:");
  try {
    return database.prepare("SELECT sqlite_version()").pluck().get() as string;
  } finally {
    database.close();
  }
}
