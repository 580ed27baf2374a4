import { fakedTimers, setOnGlobal } from "../../src/timing/fake-timers.js";
import { sleep } from "../../src/timing/real-timers.js";

/** How long fake timers that advance with real time may take to run a due callback, in milliseconds. */
const ADVANCE_MS = 300;

/** Fake timers that nobody advances: what the postgres package waits for never comes. */
export class TimersStalled extends Error {
  constructor(faked: readonly string[]) {
    super(
      `${faked.join(" and ")} of globalThis, which the postgres package waits for, is a fake that stands still: ` +
        'leave it out (vi.useFakeTimers({ toFake: ["Date"] })) or let it advance (shouldAdvanceTime: true)',
    );
  }
}

/** The error, if timers are faked and do not advance. Takes a while, so call it only when a statement is slow. */
export async function stalledTimers(): Promise<TimersStalled | undefined> {
  const faked = fakedTimers();
  if (faked.length === 0) return undefined;
  const haveRun = setOnGlobal();
  await sleep(ADVANCE_MS);
  return haveRun() ? undefined : new TimersStalled(faked);
}

/** The error, if timers are faked, without waiting to see whether they advance. */
export function timersLookStalled(): TimersStalled | undefined {
  const faked = fakedTimers();
  return faked.length === 0 ? undefined : new TimersStalled(faked);
}
