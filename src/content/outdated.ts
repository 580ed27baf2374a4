import { StateError } from "../contract/errors.js";

/** What a call prepared is no longer true: it has to prepare again. */
export class Outdated extends Error {}

const MAX_ATTEMPTS = 20;

/** Runs the work again while what it prepared is outdated. UNAVAILABLE (`busy`). */
export async function whileOutdated<R>(work: () => Promise<R>): Promise<R> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await work();
    } catch (error) {
      if (!(error instanceof Outdated)) throw error;
      if (attempt === MAX_ATTEMPTS) throw changedAllTheTime();
    }
  }
}

export function changedAllTheTime(): StateError<"UNAVAILABLE"> {
  return new StateError(
    "UNAVAILABLE",
    "other calls changed what this one needs all the time: try again later",
    { details: { reason: "busy" } },
  );
}
