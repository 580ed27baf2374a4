import type { NewRecord, StateStore } from "../../src/index.js";

/** Many for one commit, and few enough that several commits can be on their way at the same time. */
const COMMIT_RECORDS = 256;

/** Saves any number of records of one tenant, in commits that are made at the same time. */
export async function saveMany(store: StateStore, records: readonly NewRecord[]): Promise<void> {
  const commits: Promise<unknown>[] = [];
  for (let start = 0; start < records.length; start += COMMIT_RECORDS) {
    const part = records.slice(start, start + COMMIT_RECORDS);
    commits.push(store.commit(part.map((record) => ({ op: "save", record }))));
  }
  await Promise.all(commits);
}

/** So many kinds, `kind/00000` and following, in ascending order. */
export function numberedKinds(count: number): string[] {
  return Array.from({ length: count }, (_, index) => `kind/${String(index).padStart(5, "0")}`);
}
