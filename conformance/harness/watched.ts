import type { RecordKey, Watch, WatchedSlot } from "../../src/index.js";
import { broken } from "../assertions/expect.js";
import { soon } from "./soon.js";

/** So short that a case need not wait for what only a poll shows. */
export const POLL = { pollMs: 20 };

export function keys(identity: RecordKey["identity"], ...kinds: readonly string[]): RecordKey[] {
  return kinds.map((kind) => ({ identity, kind }));
}

/** What the watch yields next. Rejects if it has ended, or yields nothing for long. */
export async function next(watch: Watch, what: string): Promise<WatchedSlot> {
  const { done, value } = await soon(watch.next(), what);
  if (done) throw broken(`${what}: the watch has ended`);
  return value;
}
