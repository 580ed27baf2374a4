import { types } from "node:util";
import type { Slot, StoredRecord } from "../contract/driver.js";
import { identityRequired, invalid, wrongType } from "../contract/errors.js";
import { LIMITS } from "../contract/limits.js";
import type { Expect, NewRecord } from "../contract/store.js";
import { isTrusted } from "../process/trusted-objects.js";
import { fingerprint } from "../rules/fingerprint.js";
import { unknownName } from "./unknown-name.js";
import { copyBytes, readPayload } from "./validate-bytes.js";
import { readEventId, readKind, readName, readText } from "./validate-text.js";

/** What `validateRecord` needs to know of the store. */
export interface RecordLimits {
  /** The largest payload, in bytes. Default 1 MiB. */
  readonly maxBytes?: number;
  /** What `updatedAt` is when the record has none, in milliseconds since 1970. */
  readonly now: number;
}

/** An identity checked and copied, each field read once; `run` is `""` when it has none. */
export function validateIdentity(identity: unknown): Omit<Slot, "kind"> {
  const { tenant, user, session, run } = readSession(identity);
  return { tenant, user, session, run: readRun(run) };
}

/** A slot checked and copied. */
export function validateSlot(identity: unknown, kind: unknown): Slot {
  const { tenant, user, session, run } = readSession(identity);
  return { tenant, user, session, run: readRun(run), kind: readKind(kind) };
}

/**
 * A session's identity for `erase`. One that names a run is refused: erasing takes the whole session, which is
 * more than whoever passed a run had in mind.
 */
export function validateSessionIdentity(identity: unknown): Omit<Slot, "run" | "kind"> {
  const { tenant, user, session, run } = readSession(identity);
  if (run !== undefined && run !== "") throw invalid("run", "left out: this is about a whole session");
  return { tenant, user, session };
}

/** A session that may be erased: a user's or tenant's own state only where the options say that it is meant. */
export function validateEraseTarget(identity: unknown, options: object): Omit<Slot, "run" | "kind"> {
  const slot = validateSessionIdentity(identity);
  const { ownState = false } = options as { ownState?: unknown };
  if ("ownState" in options) readBoolean(options.ownState, "ownState");
  if (slot.session.startsWith("~") && ownState !== true)
    throw invalid(
      "session",
      "a session: a user's or tenant's own state is erased with `ownState: true` alone",
    );
  return slot;
}

/** A record checked, copied and fingerprinted: nothing the caller does later reaches it. */
export function validateRecord(record: unknown, limits: RecordLimits): StoredRecord {
  const checked = readRecord(record, limits);
  const own = { ...checked, bytes: copyBytes(checked.bytes) };
  return { ...own, fingerprint: fingerprint(own) };
}

/** A record checked and copied but for its payload, which is still the caller's and has no fingerprint yet. */
export function readRecord(record: unknown, limits: RecordLimits): StoredRecord {
  const given = readObject(record, "record") as Partial<NewRecord>;
  const { eventId, identity, kind, bytes, version, updatedAt } = given;
  const slot = validateSlot(identity, kind);
  return {
    tenant: slot.tenant,
    user: slot.user,
    session: slot.session,
    run: slot.run,
    kind: slot.kind,
    eventId: readEventId(eventId),
    fingerprint: "",
    version: readVersion(version),
    updatedAt: updatedAt === undefined ? limits.now : readDate(updatedAt, "updatedAt"),
    bytes: readPayload(bytes, "bytes", limits.maxBytes ?? LIMITS.payloadBytes),
  };
}

/** `undefined` when the condition is left out; a condition that is present but undefined was forgotten. */
export function readExpect(options: object): Expect | undefined {
  if (!("expect" in options)) return undefined;
  const { expect } = options;
  if (expect === null) return null;
  if (expect === undefined) throw invalid("expect", "left out, an event id, or null for an empty slot");
  return readEventId(expect, "expect");
}

/**
 * A place to page from: reserved names are welcome, for it grants nothing. So is where the store found damage, which
 * may have made it a place where nothing can be.
 */
export function readRecordKey(value: unknown, field: string): Slot {
  const key = readObject(value, field) as { identity?: unknown; kind?: unknown };
  const { identity, kind } = key;
  const { tenant, user, session, run } = readObject(identity, `${field}.identity`) as Record<string, unknown>;
  if (isTrusted(key)) return { tenant, user, session, run: run ?? "", kind } as Slot;
  return {
    tenant: readName(tenant, "tenant", "allowed"),
    user: readName(user, "user", "allowed"),
    session: readName(session, "session", "allowed"),
    run: run === undefined || run === "" ? "" : readName(run, "run", "allowed"),
    kind: readKind(kind),
  };
}

export function readLimit(value: unknown, most: number = LIMITS.limit, field = "limit"): number {
  return readInteger(value, field, 1, most);
}

export function readInteger(value: unknown, field: string, least: number, most: number): number {
  const rule = `a whole number from ${least} to ${most}`;
  if (typeof value !== "number") throw wrongType(field, rule, value);
  if (!Number.isSafeInteger(value) || value < least || value > most) throw invalid(field, rule);
  return value;
}

export function readBoolean(value: unknown, field: string): boolean {
  if (typeof value !== "boolean") throw invalid(field, "true or false");
  return value;
}

/** A Date, in milliseconds since 1970. */
export function readDate(value: unknown, field: string): number {
  const rule = "a valid Date in the years 1 to 9999";
  if (!types.isDate(value)) throw wrongType(field, rule, value);
  const time = Date.prototype.getTime.call(value);
  if (!(time >= LIMITS.earliest && time <= LIMITS.latest)) throw invalid(field, rule);
  return time;
}

/** One of a few words. */
export function readOneOf<W extends string>(value: unknown, field: string, choices: readonly W[]): W {
  const rule = `one of ${choices.join(", ")}`;
  if (typeof value !== "string") throw wrongType(field, rule, value);
  if (!choices.includes(value as W)) throw invalid(field, rule);
  return value as W;
}

/** An object to read named fields from. */
export function readObject(value: unknown, field: string): object {
  if (typeof value !== "object" || value === null) throw wrongType(field, "an object", value);
  return value;
}

/** An options object, or none. */
export function readOptions<T extends object>(
  options: T | undefined,
  known: readonly string[],
): T | Record<never, never> {
  return options === undefined ? {} : (readNamed(options, "options", known) as T);
}

/** An object that has no fields but these: a slip in a name must not drop a condition, a bound or a setting. */
export function readNamed(value: unknown, field: string, known: readonly string[]): object {
  const given = readObject(value, field);
  for (const name of Object.keys(given)) if (!known.includes(name)) throw unknownName(field, name, known);
  return given;
}

export function readSignal(options: object): AbortSignal | undefined {
  const { signal } = options as { signal?: unknown };
  if (signal === undefined) return undefined;
  if (!(signal instanceof AbortSignal)) throw wrongType("signal", "an AbortSignal", signal);
  return signal;
}

const IDENTITY = ["tenant", "user", "session", "run"];

function readSession(identity: unknown): Omit<Slot, "kind" | "run"> & { run: unknown } {
  if (typeof identity !== "object" || identity === null) {
    throw identityRequired("identity");
  }
  const { tenant, user, session, run } = identity as Record<string, unknown>;
  const isOwn = isTrusted(identity);
  // A run that is misnamed would make it the identity of the session itself.
  if (!isOwn) readNamed(identity, "identity", IDENTITY);
  const reserved = isOwn ? "allowed" : "refused";
  return {
    tenant: readName(tenant, "tenant"),
    user: readName(user, "user", reserved),
    session: readName(session, "session", reserved),
    run,
  };
}

function readRun(run: unknown): string {
  if (run === undefined || run === "") return "";
  const name = readText(run, "run", LIMITS.nameBytes);
  if (name.startsWith("~")) throw invalid("run", "a name that does not begin with ~");
  return name;
}

function readVersion(value: unknown): number {
  // Adding 0 turns -0 into 0.
  return value === undefined ? 0 : readInteger(value, "version", 0, Number.MAX_SAFE_INTEGER) + 0;
}
