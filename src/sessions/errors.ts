import { isStateError, StateError } from "../contract/errors.js";
// Kept in the declarations, so that programs see the error code.
import "../typed/already-exists.js";
import { alreadyExists } from "../typed/already-exists.js";
// The types of this module know the code only by this import.
import "../typed/already-exists.js";

declare module "../contract/error-details.js" {
  interface StateErrorDetails {
    /** The session was closed and takes nothing new until it is reopened. */
    SESSION_CLOSED: { readonly closedAt: Date };
  }
}

export function noSession(): StateError<"NOT_FOUND"> {
  return new StateError("NOT_FOUND", "there is no such session", { details: {} });
}

export function noEvent(): StateError<"NOT_FOUND"> {
  return new StateError("NOT_FOUND", "the session has no event of this number", { details: {} });
}

export function sessionExists(): StateError<"ALREADY_EXISTS"> {
  return alreadyExists("session");
}

export function sessionClosed(closedAt: number): StateError<"SESSION_CLOSED"> {
  return new StateError("SESSION_CLOSED", "the session is closed", {
    details: { closedAt: new Date(closedAt) },
  });
}

export function otherCreation(): StateError<"IDEMPOTENCY_CONFLICT"> {
  return new StateError(
    "IDEMPOTENCY_CONFLICT",
    "the session was created by this event id with other metadata",
    {
      details: { change: 0 },
    },
  );
}

export function otherFilling(): StateError<"IDEMPOTENCY_CONFLICT"> {
  return new StateError("IDEMPOTENCY_CONFLICT", "the session was made by this event id from something else", {
    details: { change: 0 },
  });
}

export function beingDeleted(): StateError<"UNAVAILABLE"> {
  return new StateError("UNAVAILABLE", "a session of this name is still being deleted; nothing was written", {
    details: { reason: "busy" },
  });
}

export function beingDeletedOf(): StateError<"UNAVAILABLE"> {
  return new StateError("UNAVAILABLE", "a session of the user is still being deleted; nothing was moved", {
    details: { reason: "busy" },
  });
}

export function stillBeingDeleted(): StateError<"UNAVAILABLE"> {
  return new StateError(
    "UNAVAILABLE",
    "a session of the user is still being deleted; the rest is forgotten",
    {
      details: { reason: "busy" },
    },
  );
}

export function changedAllTheTime(): StateError<"UNAVAILABLE"> {
  return new StateError("UNAVAILABLE", "other writers change the session all the time; nothing was deleted", {
    details: { reason: "busy" },
  });
}

export function staleRead(): StateError<"UNAVAILABLE"> {
  return new StateError(
    "UNAVAILABLE",
    "a session in the list was not read as it is stored: the read came from a replica that is behind",
    { details: { reason: "busy" } },
  );
}

export function deletionOutcomeUnknown(cause: unknown): StateError<"OUTCOME_UNKNOWN"> {
  return new StateError(
    "OUTCOME_UNKNOWN",
    "it is not known whether the session was deleted: delete it again",
    {
      details: {},
      cause,
    },
  );
}

export function eraseOutcomeUnknown(cause: unknown): StateError<"OUTCOME_UNKNOWN"> {
  return new StateError(
    "OUTCOME_UNKNOWN",
    "the session is gone; its erasing is in doubt, and finished later",
    {
      details: {},
      cause,
    },
  );
}

/** Whether something that is stored cannot be read. */
export function isDamage(error: unknown): error is StateError {
  return isStateError(error, "CORRUPT") || isStateError(error, "SCHEMA_TOO_NEW");
}

/** Whether a later call may succeed, so that optional clean-up can be left to it. */
export function canRetryLater(error: unknown): boolean {
  return isStateError(error, "UNAVAILABLE") || isStateError(error, "OUTCOME_UNKNOWN");
}
