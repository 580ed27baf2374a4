import { type Identity, isStateError, type StateRecord, type StateStore } from "groundstate";
import type { Restart } from "./agent.js";
import { decode, encode, type Step } from "./recorded-run.js";

/** What the store says about one run, read back from it. */
export interface Stored {
  readonly steps: readonly StoredStep[];
  /** How many of them are, byte for byte, what was recorded. */
  readonly asRecorded: number;
  readonly restart: Restart | undefined;
  /** Steps that were sent again and carry a time from after the restart: written twice. */
  readonly writtenTwice: readonly number[];
}

export interface StoredStep {
  readonly number: number;
  readonly step: Step;
  readonly record: StateRecord;
}

/** What another tenant sees that asks for the same user, session and run. */
export interface Elsewhere {
  readonly records: number;
  readonly byEventId: string;
}

export async function readBack(
  store: StateStore,
  identity: Identity,
  recorded: readonly Step[],
  restartedAt: Date,
): Promise<Stored> {
  const records = await store.list(identity, "step/");
  const steps = records.map((record) => ({
    number: Number(record.kind.slice("step/".length)),
    step: decode<Step>(record.bytes),
    record,
  }));
  const restart = await store.find(identity, "restart");
  const found = restart && decode<Restart>(restart.bytes);
  const again = new Set(found?.sentAgain.map((sent) => sent.step));
  const late = steps.filter(({ number, record }) => again.has(number) && record.updatedAt >= restartedAt);
  return {
    steps,
    asRecorded: steps.filter(({ number, record }) => isEqual(record, recorded[number - 1])).length,
    restart: found,
    writtenTwice: late.map(({ number }) => number),
  };
}

export async function readAs(store: StateStore, other: Identity, eventId: string): Promise<Elsewhere> {
  const records = await store.list(other, "");
  return { records: records.length, byEventId: await codeOf(store.loadByEventId(other, eventId)) };
}

function isEqual(record: StateRecord, step: Step | undefined): boolean {
  return step !== undefined && encode(step).equals(record.bytes);
}

async function codeOf(call: Promise<StateRecord>): Promise<string> {
  try {
    await call;
    return "found";
  } catch (error) {
    if (isStateError(error)) return error.code;
    throw error;
  }
}
