import { fakedTimers, setOnGlobal } from "../../src/timing/fake-timers.js";
import { sleep } from "../../src/timing/real-timers.js";

/** In which fakes that are moved along with the time have run what is due at once, in milliseconds. */
const ADVANCE_MS = 300;

/** What the postgres package waits for never comes. */
export class TimersStalled extends Error {
  constructor(faked: readonly string[]) {
    super(
      `${faked.join(" and ")} of globalThis, which the postgres package waits for, is a fake that stands still: ` +
        'leave it out (vi.useFakeTimers({ toFake: ["Date"] })) or let it advance (shouldAdvanceTime: true)',
    );
  }
}

/** The error, where timers were faked and nobody moves them. Asked only of what takes long, for it takes a while. */
export async function stalledTimers(): Promise<TimersStalled | undefined> {
  const faked = fakedTimers();
  if (faked.length === 0) return undefined;
  const haveRun = setOnGlobal();
  await sleep(ADVANCE_MS);
  return haveRun() ? undefined : new TimersStalled(faked);
}

/** As it looks at once. */
export function timersLookStalled(): TimersStalled | undefined {
  const faked = fakedTimers();
  return faked.length === 0 ? undefined : new TimersStalled(faked);
}
