import type { Change } from "../../src/contract/store.js";
import { placeOf, type Seen } from "../differential/model.js";
import type { Step } from "../differential/script.js";
import type { Operation } from "./linearizable.js";

/** What a client asked a store, and what it was told. Times are in nanoseconds, of a clock that all processes share. */
export interface Call extends Operation {
  readonly client: string;
  readonly step: Step;
  /** Absent where it is not known. */
  readonly answer?: unknown;
}

/** All that was asked of one tenant's slots. */
export interface History {
  readonly calls: readonly Call[];
  /** Answers were lost below the stores, which then may have asked again by themselves. */
  readonly asksAgain: boolean;
}

/** One line of JSON. */
export function written(history: History): string {
  return JSON.stringify(history, (_, value: unknown) =>
    value instanceof Uint8Array ? { hex: Buffer.from(value).toString("hex") } : value,
  );
}

/** The history that was written. */
export function read(text: string): History {
  return JSON.parse(text, (key, value) => {
    if (key === "updatedAt" && typeof value === "string") return new Date(value);
    return typeof value?.hex === "string" ? Uint8Array.from(Buffer.from(value.hex, "hex")) : value;
  });
}

/** A table for people, in the order of beginning; times in microseconds from the first. */
export function drawn(calls: readonly Call[]): string {
  const sorted = calls.toSorted((a, b) => a.began - b.began);
  const first = sorted[0]?.began ?? 0;
  const time = (at: number | undefined) =>
    (at === undefined ? "?" : ((at - first) / 1000).toFixed(1)).padStart(9);
  return sorted.map((call) => `${time(call.began)} ..${time(call.ended)}  ${line(call)}`).join("\n");
}

/** One call in words. */
export function line({ client, step, answer, ended }: Call): string {
  return `${client}  ${asked(step)}  ->  ${ended === undefined ? "?" : told(answer)}`;
}

function asked(step: Step): string {
  switch (step.ask) {
    case "commit":
      return step.changes.map(changed).join(" + ");
    case "find":
      return `find ${place(step)}`;
    case "loadByEventId":
      return `load event ${step.eventId} of ${step.identity.session}`;
    case "list":
      return `list ${owner(step)}`;
    case "erase":
      return `erase ${step.identity.session}`;
    default:
      return step.ask;
  }
}

function changed(change: Change): string {
  const { op } = change;
  if (op === "erase") return `erase ${change.identity.session}`;
  const { expect } = change;
  const where = place(placeOf(change));
  const what = op === "save" ? `${change.record.eventId} "${Buffer.from(change.record.bytes)}" ` : "";
  const condition = expect === undefined ? "" : expect === null ? " if empty" : ` if ${expect}`;
  return `${op} ${what}${op === "save" ? "in " : ""}${where}${condition}`;
}

/** An answer in words. */
export function told(answer: unknown): string {
  if (Array.isArray(answer)) return `[${answer.map(seen).join(", ")}]`;
  if (answer === null || typeof answer !== "object") return String(answer ?? "nothing");
  if ("eventId" in answer && "kind" in answer) return seen(answer as Seen);
  const { value, code, details } = answer as {
    value?: unknown;
    code?: string;
    details?: { current?: unknown };
  };
  if (code === "CONDITION_FAILED") return `CONDITION_FAILED, current is ${details?.current ?? "nothing"}`;
  if (code !== undefined) return code;
  if (typeof value === "object" && value !== null && "kind" in value) return seen(value as Seen);
  if (typeof value === "object" && value !== null && "duplicate" in value)
    return value.duplicate ? "duplicate" : "done";
  return String(value);
}

function seen(record: Seen): string {
  return `${place(record)}=${record.eventId} "${Buffer.from(record.bytes, "hex")}"`;
}

function place({ identity, kind }: Pick<Seen, "identity" | "kind">): string {
  return `${owner({ identity })}/${kind}`;
}

function owner({ identity: { session, run } }: Pick<Seen, "identity">): string {
  return run ? `${session}.${run}` : session;
}

/** Whether nothing has changed, whenever it was asked: without it, the others must still fit. */
export function isInert({ step, answer, ended }: Call): boolean {
  if (step.ask !== "commit" && step.ask !== "erase") return true;
  return ended !== undefined && codeOf(answer) !== undefined;
}

/** Of an answer that is an error. */
export function codeOf(answer: unknown): string | undefined {
  return (answer as { code?: string } | null)?.code;
}
