import { runJob } from "../child-process.js";
import type { Context } from "../section.js";

const LONGEST_MS = 20 * 60_000;

/** Whether saves slow down, or the file grows, when the memory of seen event ids is full. */
export async function overwrites({ plan, findings, folder, say }: Context): Promise<void> {
  say(`overwrites: ${plan.overwrites} on SQLite`);
  const input = { folder: folder("overwrites"), overwrites: plan.overwrites };
  findings.overwrites.push(await runJob("overwrites", input, LONGEST_MS));
}
