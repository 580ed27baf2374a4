import { extended, type NewAct, type NewExtension } from "../lifecycle/acts.js";
import { expiredError } from "../lifecycle/errors.js";
import { isRepeat } from "../lifecycle/repeat.js";
import type { Moment } from "../lifecycle/stored.js";
import { alreadyAnswered } from "./errors.js";
import type { StoredAnswer, StoredState } from "./stored-question.js";

type Now = Pick<Moment<StoredState, unknown>, "now" | "status">;
export type NewAnswer = Omit<StoredAnswer, "at">;

/** ALREADY_ANSWERED, EXPIRED. */
export function answer(question: StoredState, made: NewAnswer, { now, status }: Now): StoredState {
  if (question.answer !== undefined && isRepeatedAnswer(question.answer, made)) return question;
  refuseUnlessPending(question, status);
  return { ...question, status: "answered", answer: { ...made, at: now } };
}

/** ALREADY_ANSWERED, EXPIRED. */
export function cancel(question: StoredState, made: NewAct, { now, status }: Now): StoredState {
  if (question.cancellation !== undefined && isRepeat(question.cancellation, made)) return question;
  refuseUnlessPending(question, status);
  return { ...question, status: "cancelled", cancellation: { ...made, at: now } };
}

/** Gives a pending question more time, and never less. ALREADY_ANSWERED, EXPIRED. */
export function extend(question: StoredState, made: NewExtension, { now, status }: Now): StoredState {
  return extended(question, made, { now, refuse: () => refuseUnlessPending(question, status) });
}

/** Ends the time of a question. ALREADY_ANSWERED. */
export function expire(question: StoredState, { now, status }: Now): StoredState {
  if (question.status === "expired") return question;
  if (status === "expired") return { ...question, status };
  refuseUnlessPending(question, status);
  return { ...question, status: "expired", expiresAt: now };
}

/** Whether the same answer came again: as it was given, or as the schema has made it again. */
export function isRepeatedAnswer(first: StoredAnswer, made: NewAnswer): boolean {
  const isGivenAgain = first.given !== undefined && first.given === made.given;
  return isRepeat(
    { ...first, given: "" },
    { ...made, ...(isGivenAgain && { value: first.value }), given: "" },
  );
}

/** ALREADY_ANSWERED, EXPIRED. */
export function refuseUnlessPending(
  { answer, cancellation, expiresAt }: StoredState,
  status: StoredState["status"],
): void {
  const settled = answer ?? cancellation;
  if (settled !== undefined)
    throw alreadyAnswered({
      status: answer === undefined ? "cancelled" : "answered",
      by: settled.by,
      at: new Date(settled.at),
    });
  if (status === "expired") throw expiredError("question", expiresAt);
}
