import { isDeepStrictEqual } from "node:util";
import { StateError } from "../contract/errors.js";
import type { StateStore } from "../contract/store.js";
import { type Cell, cellAt, corruptRecord, decodeRecord } from "../typed/cell.js";
import { findCell } from "../typed/cell-operations.js";
import { type Codec, json, mappedJson } from "../typed/codec.js";
import { Collection } from "../typed/collection.js";
import type { JsonValue } from "../typed/json-value.js";
import { digestOf, itemKind } from "../typed/names.js";
import type { Operation } from "../typed/operation.js";
import type { Transaction } from "../typed/transaction.js";
import { readObject } from "../validation/validate.js";
import { readKind } from "../validation/validate-text.js";
import type { HeldLease } from "./lease.js";
import type { Run } from "./run.js";
import type { RunRecords } from "./run-records.js";
import type { RunStep } from "./step.js";
import { STEP_KINDS, stepPrefix } from "./step-kinds.js";
import type { RunKey } from "./stored-run.js";
import {
  begunStep,
  endedStep,
  isEndedSo,
  STEP_CODEC,
  type StepEnd,
  type StepNotes,
  type StoredStep,
  stepOf,
} from "./stored-step.js";
import { addStepUsage, countStep, end as endRun, inOrder, type NewEnd, requireLease } from "./transitions.js";

type Signal = AbortSignal | undefined;

/** A step that ended, and the run after it. */
export interface FinishedStep {
  /** The step. */
  readonly step: RunStep;
  /** The run: `halted` if the step used up its budget. */
  readonly run: Run;
}

/** A page of steps. */
export interface StepPage {
  /** In the order in which they were begun first. */
  readonly steps: readonly RunStep[];
  /** The `after` of the next page. Absent on the last page. */
  readonly next?: number;
}

/** How `finishStep` ends a step. */
export interface NewStepEnd extends StepEnd {
  readonly result?: JsonValue;
  /** How it ends the run in the same commit, if it does. */
  readonly ending?: NewEnd;
}

/** What is written when `step` has done its work. */
export interface NewResult extends StepEnd {
  readonly beganAt: number;
  readonly notes: StepNotes;
  /** The same commit completes the run. */
  readonly isLast: boolean;
  /** The result in bytes; absent for `undefined`. */
  readonly bytes?: Uint8Array;
  readonly codec: Codec<unknown, never>;
}

interface StepPlace {
  readonly key: string;
}

const PLACE_CODEC = mappedJson<StepPlace>({
  write: (place) => ({ ...place }),
  read: (value) => ({ key: readKind((readObject(value, "step") as Partial<StepPlace>).key, "key") }),
});
const NUMBER_LENGTH = String(Number.MAX_SAFE_INTEGER).length;

/**
 * The records of steps, under the session of their run: one for each step by its key, one for its place in their order, and
 * one for its result.
 */
export class RunSteps {
  readonly #store: StateStore;
  readonly #runs: RunRecords;
  readonly #steps: Collection<StoredStep>;
  readonly #places: Collection<StepPlace>;

  constructor(store: StateStore, runs: RunRecords) {
    this.#store = store;
    this.#runs = runs;
    this.#steps = new Collection(store, STEP_KINDS.step, { codec: STEP_CODEC });
    this.#places = new Collection(store, STEP_KINDS.place, { codec: PLACE_CODEC });
  }

  /** Begins a step, for the first time or again. A finished one is left as it is. FENCED. */
  begin(held: HeldLease, key: string, notes: StepNotes): Operation<RunStep> {
    return this.#operation(held, async (transaction) => {
      const before = await transaction.get(this.#stepCell(held.key, key));
      const isSame = before?.leaseId === held.leaseId && isDeepStrictEqual(notesOf(before), notes);
      const isKept =
        before !== undefined && (before.status === "finished" || (before.status === "running" && isSame));
      const { usage } = await this.#runs.lifecycle.changeIn(
        transaction,
        held.key,
        before === undefined ? countStep(held) : requireLease(held),
      );
      if (isKept) return stepOf(before);
      const step = begunStep(before, usage.steps, { key, held, notes, now: this.#runs.lifecycle.now() });
      await this.#write(transaction, held.key, step, before === undefined);
      return stepOf(step);
    });
  }

  /** Ends a step that was begun. FENCED, NOT_FOUND, IDEMPOTENCY_CONFLICT where it has ended in another way. */
  finish(held: HeldLease, key: string, { result, ending, ...end }: NewStepEnd): Operation<FinishedStep> {
    return this.#operation(held, async (transaction) => {
      const { lifecycle } = this.#runs;
      const before = await transaction.get(this.#stepCell(held.key, key));
      if (before === undefined) throw noSuchStep();
      const resultCell = this.resultCell(held.key, key, json());
      if (before.status !== "running") {
        const kept = isEndedSo(before, held, end) && (await transaction.get(resultCell));
        if (kept === false || !isDeepStrictEqual(kept, result)) throw endedOtherwise();
        const run = await lifecycle.changeIn(
          transaction,
          held.key,
          ending === undefined ? (state) => state : endRun(ending, held),
        );
        return { step: stepOf(before), run };
      }
      const counted = addStepUsage(held, end.usage, { newSteps: 0, isLast: ending !== undefined });
      const run = await lifecycle.changeIn(
        transaction,
        held.key,
        ending === undefined ? counted : inOrder(counted, endRun(ending, held)),
      );
      const step = endedStep(before, end, lifecycle.now());
      await this.#write(transaction, held.key, step, false);
      if (result !== undefined) await transaction.set(resultCell, result);
      return { step: stepOf(step), run };
    });
  }

  /** Keeps the result of a step, whether or not it was begun before. Returns false if another result is kept. FENCED. */
  keep(held: HeldLease, key: string, made: NewResult): Operation<boolean> {
    return this.#operation(held, async (transaction) => {
      const before = await transaction.get(this.#stepCell(held.key, key));
      if (before?.status === "finished") {
        await this.#runs.lifecycle.changeIn(transaction, held.key, requireLease(held));
        return false;
      }
      const { beganAt, notes, isLast, bytes, codec, ...end } = made;
      const isNew = before === undefined;
      const counted = addStepUsage(held, end.usage, { newSteps: isNew ? 1 : 0, isLast });
      const { usage } = await this.#runs.lifecycle.changeIn(transaction, held.key, counted);
      const isBegun = before?.status === "running" && before.leaseId === held.leaseId;
      const begun = isBegun ? before : begunStep(before, usage.steps, { key, held, notes, now: beganAt });
      await this.#write(transaction, held.key, endedStep(begun, end, this.#runs.lifecycle.now()), isNew);
      const { version, decode } = codec;
      if (bytes !== undefined)
        await transaction.set(
          this.resultCell(held.key, key, { version, decode, encode: () => bytes }),
          undefined,
        );
      return true;
    });
  }

  /** The step as it is stored. CORRUPT. */
  async find(run: RunKey, key: string, signal: Signal): Promise<StoredStep | undefined> {
    return (await findCell(this.#store, this.#stepCell(run, key), { signal }))?.value;
  }

  /** The result of a finished step; `undefined` if it has none. CORRUPT. */
  async result<T>(run: RunKey, key: string, codec: Codec<T, never>, signal: Signal): Promise<T | undefined> {
    const { identity, kind } = this.resultCell(run, key, codec);
    const record = await this.#store.find(identity, kind, { signal });
    return record && decodeRecord(codec, record);
  }

  /** The steps of a run after a number, in their order. CORRUPT where one is damaged or missing. */
  async page(
    run: RunKey,
    { after, limit, signal }: { readonly after: number; readonly limit: number; readonly signal: Signal },
  ): Promise<StepPage> {
    const prefix = stepPrefix(run.id);
    const range = { prefix, after: prefix + placeOf(after), limit: limit + 1, signal };
    const places = await this.#places.list(run.identity, range);
    const steps = await Promise.all(
      places.slice(0, limit).map(({ value }) => this.#stepAt(run, value, signal)),
    );
    return { steps, ...(places.length > limit ? { next: after + limit } : {}) };
  }

  /** The cell of a step's result. */
  resultCell<T, Input>({ identity, id }: RunKey, key: string, codec: Codec<T, Input>): Cell<T, Input> {
    return cellAt(identity, itemKind(STEP_KINDS.result, stepPrefix(id) + digestOf(key)), codec);
  }

  #operation<R>({ key }: HeldLease, apply: (transaction: Transaction) => Promise<R>): Operation<R> {
    // The same call again finds what it wrote before.
    return { turn: this.#runs.turn(key), repeatable: true, apply };
  }

  async #write(transaction: Transaction, run: RunKey, step: StoredStep, isNew: boolean): Promise<void> {
    await transaction.set(this.#stepCell(run, step.key), step);
    if (isNew) await transaction.set(this.#placeCell(run, step.number), { key: step.key });
  }

  async #stepAt(run: RunKey, { key }: StepPlace, signal: Signal): Promise<RunStep> {
    const step = await this.find(run, key, signal);
    if (step === undefined) throw corruptRecord(this.#stepCell(run, key), "a step of a run is missing");
    return stepOf(step);
  }

  #stepCell({ identity, id }: RunKey, key: string): Cell<StoredStep> {
    return this.#steps.at(identity, stepPrefix(id) + digestOf(key));
  }

  #placeCell({ identity, id }: RunKey, number: number): Cell<StepPlace> {
    return this.#places.at(identity, stepPrefix(id) + placeOf(number));
  }
}

export function noSuchStep(): StateError<"NOT_FOUND"> {
  return new StateError("NOT_FOUND", "no such step in this run", { details: {} });
}

function endedOtherwise(): StateError<"IDEMPOTENCY_CONFLICT"> {
  return new StateError("IDEMPOTENCY_CONFLICT", "the step has ended before, in another way", {
    details: { change: 0 },
  });
}

function notesOf({ name, metadata }: StoredStep): StepNotes {
  return { ...(name === undefined ? {} : { name }), ...(metadata === undefined ? {} : { metadata }) };
}

/** Numbers of equal length are in the order of their bytes. */
function placeOf(number: number): string {
  return String(number).padStart(NUMBER_LENGTH, "0");
}
