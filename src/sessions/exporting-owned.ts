import { isStateError } from "../contract/errors.js";
import type { SessionIdentity } from "../contract/store.js";
import { isReserved } from "../identity/identity.js";

const ATTEMPTS = 5;

/**
 * The lines of a session for the export of a user; none if `createSessions` did not create it. A session that changes while it is
 * exported begins anew: only what follows its last `export` line counts. UNAVAILABLE (`busy`) if it changes all the time.
 */
export async function* exportOwned(
  owner: SessionIdentity,
  lines: (owner: SessionIdentity) => AsyncIterable<string>,
): AsyncGenerator<string> {
  if (isReserved(owner.session)) return;
  for (let attempt = 1; ; attempt++)
    try {
      yield* lines(owner);
      return;
    } catch (error) {
      if (isStateError(error, "NOT_FOUND")) return;
      const isBusy = isStateError(error, "UNAVAILABLE") && error.details.reason === "busy";
      if (!isBusy || attempt === ATTEMPTS) throw error;
    }
}
