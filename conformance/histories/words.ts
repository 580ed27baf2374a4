import type { Change, Identity } from "../../src/index.js";
import { type Place, placeOf, type Seen } from "./model.js";
import type { Step } from "./step.js";

/** What is asked, in one line. */
export function askedInWords(step: Step): string {
  const of = step.at === undefined ? "" : `store ${step.at + 1}: `;
  return `${of}${asked(step)}`;
}

function asked(step: Step): string {
  switch (step.ask) {
    case "commit":
      return step.changes.map(changed).join(" + ");
    case "together":
      return `at once: ${step.commits.map((changes) => changes.map(changed).join(" + ")).join(" | ")}`;
    case "find":
      return `find ${place(step)}`;
    case "loadByEventId":
      return `load event ${name(step.eventId)} of ${owner(step.identity)}`;
    case "list":
      return `list ${under(step)}${options(step.query)}${step.bytes === false ? " without bytes" : ""}`;
    case "pages":
      return `list ${under(step)} in pages of ${step.limit}${step.reverse ? " in reverse" : ""}`;
    case "count":
      return `count ${under(step)}${options(step.query)}`;
    case "listKind": {
      const { tenant, prefix, after, limit } = step;
      const of = tenant === undefined ? "all tenants" : name(tenant);
      const from = after === undefined ? "" : ` after ${place(after)}`;
      return `listKind ${name(prefix)} of ${of}${from}${limit === undefined ? "" : ` limit ${limit}`}`;
    }
    case "listSessions":
      return `listSessions of ${name(step.tenant)}/${name(step.user)}${options(step.query)}`;
    case "erase":
      return step.prefix === undefined
        ? `erase ${sessionIn(step.identity)}`
        : `erase ${under({ ...step, prefix: step.prefix })}`;
    case "restart":
      return "close, and open again";
    case "wait":
      return "let the window pass";
  }
}

function changed(change: Change): string {
  const { op } = change;
  if (op === "erase") {
    if (!("prefix" in change)) return `erase ${sessionIn(change.identity)}`;
    return `erase ${under(change)}`;
  }
  const { expect } = change;
  const where = place(placeOf(change));
  const what = op === "save" ? `${name(change.record.eventId)} ${payload(change.record.bytes)} in ` : "";
  const version = op === "save" && change.record.version ? ` version ${change.record.version}` : "";
  const condition = expect === undefined ? "" : expect === null ? " if empty" : ` if ${name(expect)}`;
  return `${op} ${what}${where}${version}${condition}`;
}

/** An answer in words. */
export function inWords(answer: unknown): string {
  if (Array.isArray(answer))
    return `[${answer.map((each) => (isSeen(each) ? seen(each) : inWords(each))).join(", ")}]`;
  if (answer === null || typeof answer !== "object") return String(answer ?? "nothing");
  if (isSeen(answer)) return seen(answer);
  const { value, code, details } = answer as {
    value?: unknown;
    code?: string;
    details?: { current?: unknown };
  };
  if (code === "CONDITION_FAILED") return `CONDITION_FAILED, current is ${details?.current ?? "nothing"}`;
  if (code !== undefined) return code;
  if (isSeen(value)) return seen(value);
  if (typeof value === "object" && value !== null && "duplicate" in value)
    return value.duplicate ? "duplicate" : "done";
  return value === undefined && "session" in answer ? sessionIn(answer as Identity) : String(value);
}

function isSeen(value: unknown): value is Seen {
  return typeof value === "object" && value !== null && "eventId" in value && "kind" in value;
}

function seen(record: Seen): string {
  return `${place(record)}=${name(record.eventId)} ${record.bytes === undefined ? "" : payload(Buffer.from(record.bytes, "hex"))}`.trimEnd();
}

function place({ identity, kind }: Place): string {
  return `${owner(identity)}/${name(kind)}`;
}

function under({ identity, prefix }: { readonly identity: Identity; readonly prefix: string }): string {
  return `${owner(identity)}/${prefix === "" ? "" : name(prefix)}*`;
}

function owner(identity: Identity): string {
  return identity.run ? `${sessionIn(identity)}.${name(identity.run)}` : sessionIn(identity);
}

function sessionIn({ tenant, user, session }: Identity): string {
  return [tenant, user, session].map(name).join("/");
}

function options(query: object): string {
  return Object.entries(query)
    .map(([key, value]) => ` ${key} ${typeof value === "string" ? name(value) : value}`)
    .join("");
}

const SHOWN_CHARACTERS = 24;

/** In quotes, where it could be misread. */
function name(text: string): string {
  if (/^[\w#~-]{1,24}$/.test(text)) return text;
  const characters = Array.from(text);
  if (characters.length <= SHOWN_CHARACTERS) return ascii(text);
  const cut = `${characters.slice(0, 8).join("")}…${characters.slice(-4).join("")}`;
  return `${ascii(cut)} (${Buffer.byteLength(text)} bytes)`;
}

function payload(bytes: Uint8Array): string {
  const text = Buffer.from(bytes).toString();
  return /^[ -~]{0,24}$/.test(text) ? JSON.stringify(text) : `(${bytes.byteLength} bytes)`;
}

/** Names that look alike are told apart by their escapes. */
function ascii(text: string): string {
  return JSON.stringify(text).replace(/[^ -~…]/gu, (character) => {
    const code = (character.codePointAt(0) as number).toString(16);
    return code.length > 4 ? `\\u{${code}}` : `\\u${code.padStart(4, "0")}`;
  });
}
