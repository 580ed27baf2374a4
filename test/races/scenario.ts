import fc from "fast-check";
import { Choices } from "../../conformance/histories/choices.js";
import { seatAt } from "../../conformance/histories/client.js";
import { type Plan, planOf } from "../../conformance/histories/client-plan.js";
import type { History } from "../../conformance/histories/history.js";
import { play } from "../../conformance/histories/play.js";
import type { Driver } from "../../src/contract/driver.js";
import { createStore } from "../../src/store/driver-store.js";
import type { StoreRuntime } from "../../src/store/store-runtime.js";
import { losingAnswers } from "../typed/lost-answers.js";
import { type ConnectionFault, connectionFault, faultyConnection, type Pause } from "./bad-line.js";

/** What clients do, and how the lines fare between them, their stores and the drivers. */
export interface Scenario {
  readonly plan: Plan;
  /** Of the calls of the drivers, one after another. */
  readonly faults: readonly ConnectionFault[];
  /** 0 to 1, drawn one after another by whether a client's call is lost; then there is luck. */
  readonly luck: readonly number[];
}

export function scenarios(clients: number, steps: number): fc.Arbitrary<Scenario> {
  return fc.record({
    plan: fc.noShrink(fc.nat()).map((seed) => planOf(new Choices(seed), clients, steps)),
    faults: fc.oneof(fc.constant([]), fc.array(connectionFault, { maxLength: 40 })),
    luck: fc.oneof(
      fc.constant([]),
      fc.array(
        fc.nat(99).map((percent) => percent / 100),
        { maxLength: 30, size: "max" },
      ),
    ),
  });
}

const SHARE = 0.1;

/** Plays a scene on drivers that have the same data, with a store on each, and tells what was asked and answered. */
export async function playOn(
  drivers: readonly Driver[],
  { plan, faults, luck }: Scenario,
  tenant: string,
  pause: Pause,
  runtime?: StoreRuntime,
): Promise<History> {
  const line = faultyConnection(faults.values(), pause);
  const numbers = luck.values();
  const random = () => numbers.next().value ?? 1;
  const losses = { requests: SHARE, replies: SHARE, late: { share: SHARE, pause }, random };
  const seats = drivers.map((driver) => {
    const options = { layers: [...(driver.layers ?? []), line], inFlight: driver.inFlight ?? 1 };
    return seatAt(losingAnswers(createStore(driver, options, runtime), losses));
  });
  const calls = await play(plan, seats, tenant, pause);
  return { calls, asksAgain: faults.some((fate) => fate !== "done") };
}
