import type { InputReader } from "../typed/input-reader.js";
import { optional, readLongText, readTime, readTtl } from "../validation/fields.js";
import { readNamed, readObject } from "../validation/validate.js";
import { readEventId, readKind } from "../validation/validate-text.js";
import { isRepeat, type Repeatable, type StoredAct } from "./repeat.js";

/** Who does something, and why. */
export interface ActInput extends Repeatable {
  /** Who: 1 to 512 UTF-8 bytes. */
  readonly by: string;
  /** Up to 16 KiB. */
  readonly reason?: string;
}

/** More time. */
export interface ExtendInput extends ActInput {
  /** For how long it lasts from now on, in milliseconds: 1 to ten years. It never gets less time. */
  readonly ttlMs: number;
}

/** What somebody did: who, why and when. */
export interface Act {
  /** Who did it. */
  readonly by: string;
  /** Why, in their words. */
  readonly reason?: string;
  /** When. */
  readonly at: Date;
}

/** More time. */
export interface Extension extends Act {
  /** For how long from then on, in milliseconds. */
  readonly ttlMs: number;
}

export type NewAct = Omit<StoredAct<Act>, "at">;
export type NewExtension = Omit<StoredAct<Extension>, "at">;

export const ACT_FIELDS: readonly string[] = ["by", "reason", "token"];

/** Reads an act whose other fields were taken out. INVALID_RECORD. */
export function readAct(input: object, inputs: InputReader): NewAct {
  const { by, ...given } = { ...input } as ActInput;
  return {
    by: readKind(by, "by"),
    ...optional(given, "reason", inputs.longText),
    ...optional(given, "token", readEventId),
  };
}

export function readExtend(input: unknown, inputs: InputReader): NewExtension {
  const { ttlMs, ...act } = { ...readNamed(input, "input", [...ACT_FIELDS, "ttlMs"]) } as ExtendInput;
  return { ...readAct(act, inputs), ttlMs: readTtl(ttlMs, "ttlMs") };
}

/** The act that ends all records of a session, or of one of its runs. Each has an outcome of its own, so there is no token. */
export function readActOnAll(
  input: unknown,
  inputs: InputReader,
): { readonly run?: string; readonly act: NewAct } {
  const { run: _, ...act } = { ...readNamed(input, "input", ["by", "reason", "run"]) } as { run?: string };
  return { ...optional(input as { run?: string }, "run", readKind), act: readAct(act, inputs) };
}

export function readStoredAct(value: unknown, field: string): StoredAct<Act> {
  const given = readObject(value, field) as Partial<StoredAct<Act>>;
  return {
    by: readKind(given.by, "by"),
    ...optional(given, "reason", readLongText),
    ...optional(given, "token", readEventId),
    at: readTime(given.at, "at"),
  };
}

export function readStoredExtension(value: unknown, field: string): StoredAct<Extension> {
  const { ttlMs } = readObject(value, field) as Partial<StoredAct<Extension>>;
  return { ...readStoredAct(value, field), ttlMs: readTtl(ttlMs, "ttlMs") };
}

/** A state that can be given more time. */
interface Extendable {
  readonly expiresAt: number;
  readonly extension?: StoredAct<Extension>;
}

/** The state with more time, and never less; the same object if the same call came again. `refuse` throws if it may have none. */
export function extended<S extends Extendable>(
  state: S,
  made: NewExtension,
  { now, refuse }: { readonly now: number; readonly refuse: () => void },
): S {
  if (state.extension !== undefined && isRepeat(state.extension, made)) return state;
  refuse();
  const expiresAt = Math.max(state.expiresAt, now + made.ttlMs);
  return { ...state, expiresAt, extension: { ...made, at: now } };
}
