import type { StateStore } from "../contract/store.js";
import { Lifecycle, type LifecycleOptions } from "../lifecycle/lifecycle.js";
import { cellAt } from "../typed/cell.js";
import { findCell } from "../typed/cell-operations.js";
import { itemKind } from "../typed/names.js";
import type { Operation } from "../typed/operation.js";
import { listedByClaim } from "./claimed-before.js";
import { refuseIfHeld } from "./held.js";
import { RUN_TRANSITIONS, type Run } from "./run.js";
import { resultPrefix, stepPrefixes } from "./step-kinds.js";
import { MAX_UNTIL_MS } from "./stored-lease.js";
import {
  CONTENT_CODEC,
  type RunContent,
  type RunKey,
  type RunState,
  runOf,
  STATE_CODEC,
  withoutPayload,
} from "./stored-run.js";
import type { RunTransition } from "./transitions.js";

/** A change that was made: the state that the commit wrote, or found. */
export interface Changed {
  readonly run: Run;
  readonly state: RunState;
}

const NAME = "run";

/** The records of runs: each has a status, lists under its session, user and tenant, and is due when its lease passes. */
export class RunRecords {
  readonly lifecycle: Lifecycle<RunState, RunContent, Run>;
  readonly #store: StateStore;

  constructor(store: StateStore, options: LifecycleOptions) {
    const value = ({ name }: RunContent) => name;
    const owners = ["session", "user", "tenant"] as const;
    this.#store = store;
    this.lifecycle = new Lifecycle<RunState, RunContent, Run>(
      store,
      {
        name: NAME,
        transitions: RUN_TRANSITIONS,
        // By name runs are claimed from the tenant's lists; those of a session and a user are read for it.
        listedBy: [
          ...owners.flatMap((under) => [
            { under } as const,
            { under, field: "name", value, filtered: under !== "tenant" } as const,
          ]),
          listedByClaim<RunState>(),
        ],
        due: ({ lease }) => lease?.until,
        dueBy: "name",
        dueWithinMs: MAX_UNTIL_MS,
        stateCodec: STATE_CODEC,
        contentCodec: CONTENT_CODEC,
        largeFields: ["input", "metadata"],
        view: runOf,
        attached: stepPrefixes,
        endedAt: ({ end }) => end?.at,
        withoutPayload,
        attachedPayload: (id) => [resultPrefix(id)],
        moved: async (_, __, ___, { state }) => refuseIfHeld(state, this.lifecycle.now()),
      },
      options,
    );
  }

  /** A change of a run: alone or in a unit it is one commit. */
  change(key: RunKey, transition: RunTransition, repeatable: boolean): Operation<Changed> {
    return {
      turn: this.turn(key),
      repeatable,
      apply: async (transaction) => {
        let state: RunState | undefined;
        const run = await this.lifecycle.changeIn(transaction, key, (...given) => {
          state = transition(...given);
          return state;
        });
        return { run, state: state as RunState };
      },
    };
  }

  /** The slot whose lock the writers of a run take in this process. */
  turn({ identity, id }: RunKey): Operation<unknown>["turn"] {
    return { identity, kind: itemKind(NAME, id) };
  }

  /** The state of a run. NOT_FOUND. */
  async state({ identity, id }: RunKey, signal: AbortSignal | undefined): Promise<RunState> {
    const cell = cellAt(identity, itemKind(NAME, id), STATE_CODEC);
    const found = await findCell(this.#store, cell, { signal });
    if (found === undefined) throw this.lifecycle.notFound();
    return found.value;
  }
}
