import { StateError } from "../contract/errors.js";

declare module "../contract/error-details.js" {
  interface StateErrorDetails {
    /**
     * `moveUser`: nothing was moved yet, or what is named was not. `sessions` are some of the sessions that both users have
     * under one name, `kinds` some of the records that both have, `movedTo` the user to whom the other one was moved.
     */
    MOVE_CONFLICT: {
      readonly sessions?: readonly string[];
      readonly kinds?: readonly string[];
      readonly movedTo?: string;
    };
  }
}

export function bothHaveSessions(sessions: readonly string[]): StateError<"MOVE_CONFLICT"> {
  return new StateError("MOVE_CONFLICT", "both users have sessions of the same names", {
    details: { sessions },
  });
}

export function bothHaveRecords(kinds: readonly string[]): StateError<"MOVE_CONFLICT"> {
  return new StateError(
    "MOVE_CONFLICT",
    "both users have records of the same kinds: remove them, or let those of the other user stay (`whereBoth`)",
    { details: { kinds } },
  );
}

export function otherUserMoved(movedTo: string): StateError<"MOVE_CONFLICT"> {
  return new StateError(
    "MOVE_CONFLICT",
    "the other user was itself moved, within the idempotency window of the store: move to that user",
    { details: { movedTo } },
  );
}

export function wereHereBefore(session: string, cause?: unknown): StateError<"MOVE_CONFLICT"> {
  return new StateError(
    "MOVE_CONFLICT",
    "records of this session were the other user's before, within the idempotency window of the store",
    { details: { sessions: [session] }, cause },
  );
}
