import type { SessionIdentity } from "../contract/store.js";
import type { Act, Extension } from "../lifecycle/acts.js";
import type { JsonValue } from "../typed/json-value.js";

/** To which statuses each status leads, in the order in which they follow each other. */
export const TRANSITIONS = {
  pending: ["pending", "answered", "cancelled", "expired"],
  answered: [],
  cancelled: [],
  expired: [],
} as const;

/** The status of a question. */
export type QuestionStatus = "pending" | "answered" | "cancelled" | "expired";

/** A durable question to a person. */
export interface Question {
  /** Unique within its session; the `id` that was given, if there was one. */
  readonly id: string;
  /** The session that asks. */
  readonly identity: SessionIdentity;
  /** The status now: `expired` once `expiresAt` has passed, also before `expireOverdue` marks the question. */
  readonly status: QuestionStatus;
  /** The question itself. */
  readonly text: string;
  /** What a person needs to know to answer it. */
  readonly context?: JsonValue;
  /** Where the question came from, in the caller's words. */
  readonly sender?: JsonValue;
  /** The answers to choose from. */
  readonly choices?: readonly string[];
  /** The name of the schema that the answer has to fit. */
  readonly schema?: string;
  /** The run that asks, in the caller's words. */
  readonly run?: string;
  /** The step that asks, in the caller's words. */
  readonly step?: string;
  /** When it was asked. */
  readonly askedAt: Date;
  /** From this time on it cannot be answered. */
  readonly expiresAt: Date;
  /** The latest extension, if there was one. */
  readonly extension?: Extension;
  /** The answer, if there is one. */
  readonly answer?: Answer;
  /** The cancellation, if it was cancelled. */
  readonly cancellation?: Cancellation;
  /** When retention removed the text, the context, the sender, the choices, and the value of the answer, which is `null` then. */
  readonly payloadRemovedAt?: Date;
}

/** Who answered what, and when. */
export interface Answer {
  /** The answer: one of the choices, or what the schema made of it. */
  readonly value: JsonValue;
  /** Who answered. */
  readonly by: string;
  /** When. */
  readonly at: Date;
}

/** Who cancelled the question, why and when. */
export interface Cancellation extends Act {}
