import { types } from "node:util";
import type { EraseTarget, Session, Slot, StoredRecord } from "../contract/driver.js";
import { identityRequired, invalid, wrongType } from "../contract/errors.js";
import { LIMITS } from "../contract/limits.js";
import type { Expect, NewRecord } from "../contract/store.js";
import { isTrusted } from "../process/trusted-objects.js";
import { fingerprint } from "../rules/fingerprint.js";
import { unknownName } from "./unknown-name.js";
import { copyBytes, readPayload } from "./validate-bytes.js";
import { readEventId, readKind, readName, readPrefix, readText } from "./validate-text.js";

/** The store's part of `validateRecord`. */
export interface RecordLimits {
  /** The largest payload, in bytes. Default 1 MiB. */
  readonly maxBytes?: number;
  /** The default of `updatedAt`, in milliseconds since 1970. */
  readonly now: number;
}

/** Checks and copies an identity, reading each field once; `run` is `""` if it has none. */
export function validateIdentity(identity: unknown): Omit<Slot, "kind"> {
  const { tenant, user, session, run } = readSession(identity);
  return { tenant, user, session, run: readRun(run) };
}

/** Checks and copies a slot. */
export function validateSlot(identity: unknown, kind: unknown): Slot {
  const { tenant, user, session, run } = readSession(identity);
  return { tenant, user, session, run: readRun(run), kind: readKind(kind) };
}

/**
 * Checks and copies the identity of a whole session. One with a run is refused: its caller may not mean the other runs of
 * the session.
 */
export function validateSessionIdentity(identity: unknown): Session {
  const { tenant, user, session, run } = readSession(identity);
  if (run !== undefined && run !== "") throw invalid("run", "left out: this is about a whole session");
  return { tenant, user, session };
}

/** Checks and copies a user. An identity with a session is refused: its caller may mean that session alone. */
export function validateUserIdentity(user: unknown): Pick<Slot, "tenant" | "user"> {
  if (typeof user !== "object" || user === null) throw identityRequired("user");
  const { tenant, user: name } = readNamed(user, "user", ["tenant", "user"]) as Record<string, unknown>;
  return { tenant: readName(tenant, "tenant"), user: readName(name, "user") };
}

/** Checks the target of an erase: the state of `userIdentity` or `tenantIdentity` only with `ownState: true`. */
export function validateEraseTarget(identity: unknown, options: object): EraseTarget {
  const target = readEraseTarget(identity, options);
  const { ownState = false } = options as { ownState?: unknown };
  if ("ownState" in options) readBoolean(options.ownState, "ownState");
  if (target.session.startsWith("~") && ownState !== true)
    throw invalid(
      "session",
      "a session: a user's or tenant's own state is erased with `ownState: true` alone",
    );
  return target;
}

/** A prefix that is present but `undefined` is refused: a forgotten variable must not erase the whole session. */
function readEraseTarget(identity: unknown, options: object): EraseTarget {
  if (!("prefix" in options)) return validateSessionIdentity(identity);
  return { ...validateIdentity(identity), prefix: readPrefix(options.prefix, "prefix") };
}

/** Checks, copies and fingerprints a record. Later changes by the caller do not affect it. */
export function validateRecord(record: unknown, limits: RecordLimits): StoredRecord {
  const checked = readRecord(record, limits);
  const own = { ...checked, bytes: copyBytes(checked.bytes) };
  return { ...own, fingerprint: fingerprint(own) };
}

/** Checks and copies a record, except for its payload: that still uses the caller's memory, and has no fingerprint yet. */
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

/** Reads a condition; `undefined` if it is left out. One that is present but `undefined` is a mistake, and refused. */
export function readExpect(options: object): Expect | undefined {
  if (!("expect" in options)) return undefined;
  const { expect } = options;
  if (expect === null) return null;
  if (expect === undefined) throw invalid("expect", "left out, an event id, or null for an empty slot");
  return readEventId(expect, "expect");
}

/**
 * Reads a key to continue a scan after. Reserved names are allowed, since the key gives no access to a record. A key from a
 * CORRUPT error is allowed even if the damage has made it invalid.
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

/** Reads a Date, as milliseconds since 1970. */
export function readDate(value: unknown, field: string): number {
  const rule = "a valid Date in the years 1 to 9999";
  if (!types.isDate(value)) throw wrongType(field, rule, value);
  const time = Date.prototype.getTime.call(value);
  if (!(time >= LIMITS.earliest && time <= LIMITS.latest)) throw invalid(field, rule);
  return time;
}

/** Reads one of several strings. */
export function readOneOf<W extends string>(value: unknown, field: string, choices: readonly W[]): W {
  const rule = `one of ${choices.join(", ")}`;
  if (typeof value !== "string") throw wrongType(field, rule, value);
  if (!choices.includes(value as W)) throw invalid(field, rule);
  return value as W;
}

/** Reads an object, whatever its fields. */
export function readObject(value: unknown, field: string): object {
  if (typeof value !== "object" || value === null) throw wrongType(field, "an object", value);
  return value;
}

/** Reads an options object, which may be left out. */
export function readOptions<T extends object>(
  options: T | undefined,
  known: readonly string[],
): T | Record<never, never> {
  return options === undefined ? {} : (readNamed(options, "options", known) as T);
}

/** Reads an object that has no fields but these: a misspelt name must not silently drop a condition, a bound or a setting. */
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
  // With `run` misspelt it would be the identity of the whole session.
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
