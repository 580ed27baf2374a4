import { setTimeout as sleep } from "node:timers/promises";
import type { Watch } from "../../src/index.js";
import { broken } from "../assertions/expect.js";

/**
 * How long a case waits for what must come: so many pauses of so many milliseconds. A machine that does much else, or stands
 * still for a while, makes each of them longer.
 */
const PAUSES = 60;
const PAUSE_MS = 100;
/** How long a case waits for what must not come. */
const SHORT_MS = 100;

/** Settles as the promise does; rejects if it does not settle for long. */
export async function soon<T>(promise: Promise<T>, what: string): Promise<T> {
  const isSettled = { yet: false };
  const late = pauses(isSettled).then(() => {
    throw broken(`${what}: nothing was yielded`);
  });
  late.catch(() => {});
  try {
    return await Promise.race([promise, late]);
  } finally {
    isSettled.yet = true;
  }
}

async function pauses(isSettled: { readonly yet: boolean }): Promise<void> {
  for (let pause = 0; pause < PAUSES && !isSettled.yet; pause++) await sleep(PAUSE_MS);
}

/** Rejects if the watch yields something; ends it. */
export async function nothingComes(watch: Watch, what: string): Promise<void> {
  const notice = watch.next();
  const came = await Promise.race([notice.then(() => true), sleep(SHORT_MS, false)]);
  await watch.return();
  if (came) throw broken(`${what}: it was yielded`);
}
