import { tooLarge } from "../content/large-json.js";
import { invalid } from "../contract/errors.js";
import type { NewRecord, SessionIdentity, StoreLimits } from "../contract/store.js";
import { newEventId } from "../process/event-id.js";
import { compareText } from "../rules/order.js";
import { bytesOfJson } from "../typed/exporting/exported-value.js";
import type { InputReader } from "../typed/input-reader.js";
import { MAX_CODEC_VERSION } from "../typed/journal-entry.js";
import { itemKind, readScopedId } from "../typed/names.js";
import { optional } from "../validation/fields.js";
import { readInteger, readNamed, readObject } from "../validation/validate.js";
import { readKind, readName } from "../validation/validate-text.js";
import type { Activity } from "./activity.js";
import type { CopiedEntry } from "./event-copy.js";
import { EXPORT_VERSION, type LineName } from "./export-lines.js";
import { type ForkOrigin, readForkOrigin, type StoredMetadata } from "./session-record.js";
import { SESSION_STATE } from "./state-values.js";
import { summaryCell } from "./summary-place.js";

/** The session that lines tell of. */
export interface ImportedSession {
  readonly metadata: StoredMetadata;
  readonly forkedFrom?: ForkOrigin;
  readonly activity: Omit<Activity, "listedAt">;
  readonly first: number;
  readonly next: number;
}

/** What a line adds to the session. */
export interface ImportedLine {
  readonly entries: readonly CopiedEntry[];
  readonly records: readonly NewRecord[];
}

const MAX = Number.MAX_SAFE_INTEGER;
const ISO = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/;
const BASE64 = /^[A-Za-z0-9+/]*={0,2}$/;
/** Names, ids, reasons and times of a line, beside its value. */
const ENVELOPE_CHARACTERS = 65_536;
const NOTHING: ImportedLine = { entries: [], records: [] };
/** The order of lines. */
const ORDER: readonly LineName[] = ["export", "session", "event", "summary", "state", "end"];

/** Reads the lines of an export one after the other, and refuses what an export does not write. INVALID_RECORD. */
export class ImportLines {
  readonly #owner: SessionIdentity;
  readonly #limits: StoreLimits;
  readonly #maxJsonBytes: number;
  readonly #inputs: InputReader;
  #name: LineName | undefined;
  #lines = 0;
  #last = 0;
  #summary = 0;
  #key: string | undefined;
  #session: ImportedSession | undefined;
  /** Whether any event was edited or taken back. */
  hasEdits = false;

  constructor(owner: SessionIdentity, limits: StoreLimits, maxJsonBytes: number, inputs: InputReader) {
    this.#inputs = inputs;
    this.#owner = owner;
    this.#limits = limits;
    this.#maxJsonBytes = maxJsonBytes;
  }

  /** Present after the second line. */
  get session(): ImportedSession | undefined {
    return this.#session;
  }

  get isAtEnd(): boolean {
    return this.#name === "end";
  }

  read(text: string): ImportedLine {
    const most = 2 * Math.max(this.#limits.maxBytes, this.#maxJsonBytes) + ENVELOPE_CHARACTERS;
    if (text.length > most) throw invalid("line", `at most ${most} characters long`);
    const { name, content } = readLine(text);
    this.#follow(name);
    this.#name = name;
    const line = this.#contentOf(name, content);
    this.#lines++;
    return line;
  }

  #follow(name: LineName): void {
    const [before, now] = [ORDER.indexOf(this.#name ?? "export"), ORDER.indexOf(name)];
    if (this.#name === undefined ? name !== "export" : this.#name === "export" ? name !== "session" : false)
      throw invalid("line", this.#name === undefined ? "the first one of an export" : "the session");
    if (this.#name === "end") throw invalid("line", "none after the end");
    if (this.#name !== undefined && (now < before || (now === before && now < 2)))
      throw invalid("line", `in the order of an export: ${ORDER.join(", ")}`);
  }

  #contentOf(name: LineName, content: unknown): ImportedLine {
    switch (name) {
      case "export":
        readHeader(content);
        return NOTHING;
      case "session":
        this.#session = readSession(content, this.#inputs);
        this.#last = this.#session.first - 1;
        return NOTHING;
      case "event":
        return { ...NOTHING, entries: this.#readEvent(content) };
      case "summary":
        return { ...NOTHING, records: [this.#readSummary(content)] };
      case "state":
        return { ...NOTHING, records: [this.#readState(content)] };
      case "end":
        return { ...NOTHING, entries: this.#readEnd(content) };
    }
  }

  #readEvent(value: unknown): CopiedEntry[] {
    const given = readNamed(value, "event", [
      ...["number", "id", "at", "replacedAt", "version", "value", "bytes"],
      ...["redacted", "upTo", "damage"],
    ]) as Record<string, unknown>;
    const number = this.#readNumber(given.number, "number");
    const removed = this.#removedBefore(number);
    if ("damage" in given) {
      readNamed(given, "event", ["number", "upTo", "damage"]);
      readKind(given.damage, "damage");
      this.#last = this.#readNumber(given.upTo, "upTo");
      if (this.#last < number) throw invalid("upTo", "the number or a later one");
      // Its number stays missing: it is damaged here too.
      return removed;
    }
    this.#last = number;
    const known = { number, id: readScopedId(given.id, "id"), at: readIso(given.at, "at") };
    if ("redacted" in given) {
      readNamed(given, "event", ["number", "id", "at", "redacted"]);
      this.hasEdits = true;
      return [...removed, { is: "redacted", ...known, redacted: readRedacted(given.redacted, this.#inputs) }];
    }
    const version = "version" in given ? readInteger(given.version, "version", 1, MAX_CODEC_VERSION) : 0;
    const replacedAt = optional(given, "replacedAt", readIso);
    if ("replacedAt" in given) this.hasEdits = true;
    return [...removed, { is: "value", ...known, ...replacedAt, bytes: this.#readBytes(given), version }];
  }

  /** Numbers without a line were taken back. */
  #removedBefore(number: number): CopiedEntry[] {
    if (number === this.#last + 1) return [];
    this.hasEdits = true;
    return [{ is: "removed", from: this.#last + 1, number: number - 1 }];
  }

  #readNumber(value: unknown, field: string): number {
    return readInteger(value, field, this.#last + 1, this.#known().next - 1);
  }

  #readBytes(given: Record<string, unknown>): Uint8Array {
    if ("bytes" in given === "value" in given) throw invalid("event", "an object with a value or bytes");
    const bytes =
      "bytes" in given ? readBase64(given.bytes) : bytesOfJson(this.#inputs.json(given.value, "value"));
    if (bytes.length > this.#maxJsonBytes) throw tooLarge("value", this.#maxJsonBytes);
    return bytes;
  }

  #requireRoom(bytes: Uint8Array): void {
    const { maxBytes } = this.#limits;
    if (bytes.length > maxBytes) throw invalid("value", `at most ${maxBytes} bytes long`);
  }

  #readSummary(value: unknown): NewRecord {
    const given = readNamed(value, "summary", ["upTo", "at", "value"]) as Record<string, unknown>;
    this.#summary = readInteger(given.upTo, "upTo", this.#summary + 1, Math.max(this.#known().next - 1, 1));
    return this.#recordOf(summaryCell(this.#owner, this.#summary).kind, given);
  }

  #readState(value: unknown): NewRecord {
    const given = readNamed(value, "state", ["key", "at", "value"]) as Record<string, unknown>;
    const kind = itemKind(SESSION_STATE, given.key, "key");
    const key = given.key as string;
    if (this.#key !== undefined && compareText(key, this.#key) <= 0)
      throw invalid("key", "greater than the one before");
    this.#key = key;
    return this.#recordOf(kind, given);
  }

  #recordOf(kind: string, given: Record<string, unknown>): NewRecord {
    const bytes = bytesOfJson(this.#inputs.json(given.value, "value"));
    this.#requireRoom(bytes);
    return { eventId: newEventId(), identity: this.#owner, kind, bytes, updatedAt: readIso(given.at, "at") };
  }

  #readEnd(value: unknown): CopiedEntry[] {
    const { lines } = readNamed(value, "end", ["lines"]) as { lines?: unknown };
    if (lines !== this.#lines) throw invalid("lines", "as many as there were");
    return this.#removedBefore(this.#known().next);
  }

  #known(): ImportedSession {
    return this.#session as ImportedSession;
  }
}

function readLine(text: string): { readonly name: LineName; readonly content: unknown } {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    throw invalid("line", "JSON");
  }
  const given = readNamed(value, "line", ORDER) as Record<string, unknown>;
  const [name, ...others] = Object.keys(given) as LineName[];
  if (Array.isArray(value) || name === undefined || others.length > 0)
    throw invalid("line", `an object with one of ${ORDER.join(", ")}`);
  return { name, content: readObject(given[name], name) };
}

function readHeader(value: unknown): void {
  const given = readNamed(value, "export", ["of", "version", "identity"]) as Record<string, unknown>;
  if (given.of !== "session") throw invalid("of", '"session"');
  readInteger(given.version, "version", 1, EXPORT_VERSION);
  const identity = readNamed(given.identity, "identity", ["tenant", "user", "session"]);
  for (const field of ["tenant", "user", "session"] as const)
    readName((identity as Record<string, unknown>)[field], field);
}

const SESSION_FIELDS = [
  ...["createdAt", "updatedAt", "lastEventAt", "closedAt", "pinnedAt", "forkedFrom"],
  ...["first", "next", "metadataVersion", "metadata"],
];

function readSession(value: unknown, inputs: InputReader): ImportedSession {
  const given = readNamed(value, "session", SESSION_FIELDS) as Record<string, unknown>;
  const first = readInteger(given.first, "first", 1, MAX - 1);
  const version =
    "metadataVersion" in given ? readInteger(given.metadataVersion, "metadataVersion", 1, MAX) : 0;
  const time = (value: unknown, field: string) => readIso(value, field).getTime();
  return {
    metadata: { value: inputs.json(given.metadata, "metadata"), version },
    ...optional(given, "forkedFrom", readForkOrigin),
    activity: {
      createdAt: time(given.createdAt, "createdAt"),
      updatedAt: time(given.updatedAt, "updatedAt"),
      ...optional(given, "lastEventAt", time),
      ...optional(given, "closedAt", time),
      ...optional(given, "pinnedAt", time),
    },
    first,
    next: readInteger(given.next, "next", first, MAX - 1),
  };
}

function readRedacted(value: unknown, inputs: InputReader) {
  const given = readNamed(value, "redacted", ["by", "reason", "at"]) as Record<string, unknown>;
  return {
    by: readKind(given.by, "by"),
    reason: inputs.longText(given.reason, "reason"),
    at: readIso(given.at, "at"),
  };
}

function readIso(value: unknown, field: string): Date {
  const time = typeof value === "string" && ISO.test(value) ? new Date(value) : undefined;
  const isTime = time !== undefined && !Number.isNaN(time.getTime()) && time.toISOString() === value;
  if (!isTime || time.getUTCFullYear() < 1) throw invalid(field, "a time such as 2026-01-31T12:00:00.000Z");
  return time;
}

function readBase64(value: unknown): Uint8Array {
  if (typeof value === "string" && BASE64.test(value)) {
    const bytes = Buffer.from(value, "base64");
    if (bytes.toString("base64") === value) return bytes;
  }
  throw invalid("bytes", "base64");
}
