import { acceptParsed } from "../lifecycle/parsed-json.js";
import { keyOf, readPointer } from "../lifecycle/pointer.js";
import type { LifecycleKey, Whole } from "../lifecycle/stored.js";
import { mappedJson } from "../typed/codec.js";
import type { JsonValue } from "../typed/json-value.js";
import { optional } from "../validation/fields.js";
import { readObject } from "../validation/validate.js";
import type { Approval, Edit, Outcome } from "./approval.js";
import { readContent, type StoredRequest } from "./request.js";
import { approvalOf, readState, type StoredState, writeState } from "./stored-approval.js";

/** A decision as the audit list shows it: the approval without the result of the call. */
export interface AuditEntry extends Omit<Approval, "arguments" | "edited" | "outcome"> {
  /** The arguments that were asked for, if they were kept. */
  readonly arguments?: JsonValue;
  /** The edit, with its arguments if they were kept. */
  readonly edited?: Omit<Edit, "arguments"> & Partial<Pick<Edit, "arguments">>;
  /** The outcome of the call, if it was reported: with an `error` it failed. */
  readonly outcome?: Omit<Outcome, "result">;
}

/** An entry as it is stored: the approval without what may be large. */
export interface StoredEntry {
  readonly user: string;
  readonly session: string;
  readonly id: string;
  readonly state: StoredState;
  readonly asked: Omit<StoredRequest, "arguments" | "sender">;
}

/** What may be large. */
export interface AuditedCall {
  readonly arguments: JsonValue;
  readonly sender?: JsonValue;
}

export const ENTRY_CODEC = mappedJson<StoredEntry>({
  write: ({ state, ...entry }) => ({ ...entry, state: writeState(state) }) as unknown as JsonValue,
  read(value) {
    const { state, asked } = readObject(value, "entry") as {
      readonly state?: unknown;
      readonly asked?: unknown;
    };
    const given = { ...readObject(asked, "asked"), arguments: null };
    const { arguments: _, ...rest } = readContent(given, acceptParsed);
    return { ...readPointer(value), state: readState(state), asked: rest };
  },
});

export const CALL_CODEC = mappedJson<AuditedCall>({
  write: (call) => ({ ...call }),
  mayBeLarge: () => true,
  read(value) {
    const given = readObject(value, "call") as Partial<AuditedCall>;
    return {
      arguments: acceptParsed(given.arguments, "arguments"),
      ...optional(given, "sender", acceptParsed),
    };
  },
});

export function entryOf(
  { identity: { user, session }, id }: LifecycleKey,
  { state, content }: Whole<StoredState, StoredRequest>,
): StoredEntry {
  const { arguments: _, sender: __, ...asked } = content;
  return { user, session, id, state: withoutResult(state), asked };
}

export function keyOfEntry(tenant: string, entry: StoredEntry): LifecycleKey {
  return keyOf(tenant, entry);
}

/** The entry as a caller sees it. */
export function viewOfEntry(
  tenant: string,
  entry: StoredEntry,
  kept: { readonly asked: AuditedCall | undefined; readonly edited: AuditedCall | undefined },
  now: number,
): AuditEntry {
  const { asked, state } = entry;
  const isOver = state.status === "approved" && now >= state.expiresAt;
  const whole = { state, content: asked as StoredRequest };
  const approval = approvalOf(keyOf(tenant, entry), whole, isOver ? "expired" : state.status);
  const { edited } = approval;
  return {
    ...approval,
    ...kept.asked,
    ...(edited && { edited: { ...edited, ...kept.edited } }),
  };
}

function withoutResult(state: StoredState): StoredState {
  if (state.outcome === undefined) return state;
  const { result: _, ...outcome } = state.outcome;
  return { ...state, outcome };
}
