import type { Operation } from "./linearizable.js";
import type { Step } from "./step.js";
import { askedInWords, inWords } from "./words.js";

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
  return `${client}  ${askedInWords(step)}  ->  ${ended === undefined ? "?" : inWords(answer)}`;
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
