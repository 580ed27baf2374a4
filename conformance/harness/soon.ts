import { setTimeout as sleep } from "node:timers/promises";
import type { Watch } from "../../src/index.js";
import { broken } from "../assertions/expect.js";

/** How long a case waits for what must come, in milliseconds: long, for a machine that does much else. */
const LONG_MS = 6000;
/** How long a case waits for what must not come. */
const SHORT_MS = 100;

/** Settles as the promise does; rejects if it does not settle for long. */
export async function soon<T>(promise: Promise<T>, what: string): Promise<T> {
  const timer = new AbortController();
  const late = sleep(LONG_MS, undefined, { signal: timer.signal }).then(() => {
    throw broken(`${what}: nothing was yielded`);
  });
  late.catch(() => {});
  try {
    return await Promise.race([promise, late]);
  } finally {
    timer.abort();
  }
}

/** Rejects if the watch yields something; ends it. */
export async function nothingComes(watch: Watch, what: string): Promise<void> {
  const notice = watch.next();
  const came = await Promise.race([notice.then(() => true), sleep(SHORT_MS, false)]);
  await watch.return();
  if (came) throw broken(`${what}: it was yielded`);
}
