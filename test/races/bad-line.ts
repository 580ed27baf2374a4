import fc from "fast-check";
import type { Layer } from "../../src/contract/driver.js";
import { type CallOutcome, callOutcome, fail, takesEffect } from "../queue/call-outcomes.js";
import { methods } from "../store/store-rig.js";

/** Lets time pass: on the way to a driver and back, or in the middle of what a broken one does. */
export type Pause = () => Promise<unknown>;

/** `late`: it takes effect when its caller has been told that the outcome is not known. */
export type ConnectionFault = CallOutcome | "late";

export const connectionFault: fc.Arbitrary<ConnectionFault> = fc.oneof(
  { weight: 9, arbitrary: callOutcome },
  { weight: 1, arbitrary: fc.constant("late" as const) },
);

/** How long what is late is under way, in pauses. */
const LATE = 5;

/** The driver at the end of a line on which everything takes its time, and writes fare as they are told, in turn. */
export function faultyConnection(faults: Iterator<ConnectionFault>, pause: Pause): Layer {
  return (driver) => {
    const slowly = async <T>(ask: () => Promise<T>): Promise<T> => {
      await pause();
      const answer = await ask();
      await pause();
      return answer;
    };
    const perhaps = async <T>(write: () => Promise<T>, nothing: T, mayBeLate: boolean): Promise<T> => {
      const { value = "done" } = faults.next();
      if (value === "late" && mayBeLate) after(LATE, pause, write);
      const fate = value === "late" ? "lost" : value;
      const answer = await slowly(async () => (takesEffect(fate) ? write() : nothing));
      fail(fate);
      return answer;
    };
    return {
      ...methods(driver),
      apply(commits, options) {
        // What has event ids is sent again at once, and whatever is told then holds for its first try too.
        const hasIds = commits.some(({ writes }) => writes.some(({ op }) => op === "save"));
        return perhaps(() => driver.apply(commits, options), [], !hasIds);
      },
      sweep: (session) => slowly(() => driver.sweep(session)),
      read: (slots) => slowly(() => driver.read(slots)),
      readByEventId: (...event) => slowly(() => driver.readByEventId(...event)),
      scan: (query) => slowly(() => driver.scan(query)),
    };
  };
}

/** Does something when so many pauses have passed; nobody is told what came of it. */
export function after(pauses: number, pause: Pause, work: () => Promise<unknown>): void {
  const wait = async () => {
    for (let left = pauses; left > 0; left--) await pause();
    await work();
  };
  wait().catch(() => {});
}
