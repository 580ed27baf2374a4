import { type Call, type History, isInert, line } from "./history.js";
import { checkLinearizable } from "./linearizable.js";
import { smallest } from "./smallest.js";
import { storeSpecification } from "./store-specification.js";
import { inWords } from "./words.js";

/** Whether some order of the calls explains all their answers. */
export function judge({ calls, asksAgain }: History, mostSteps?: number) {
  return checkLinearizable(calls, storeSpecification({ asksAgain }), mostSteps);
}

type Failure = Extract<ReturnType<typeof judge>, { readonly is: "not linearizable" }>;

/** So that dozens of attempts to leave something out take no minutes. */
const STEPS_TO_SIMPLIFY = 10_000;

/** What of a history that is not linearizable does not fit, in the order of beginning, and why. */
export function misfitIn(history: History): { readonly calls: readonly Call[]; readonly why: string } {
  const isFine = (calls: History["calls"]) =>
    judge({ ...history, calls }, STEPS_TO_SIMPLIFY).is !== "not linearizable";
  const calls = smallest(history.calls, isFine, isInert).toSorted((a, b) => a.began - b.began);
  const { order, stuck, state } = judge({ ...history, calls }) as Failure;
  const why = [
    `The longest order has ${order.length} of them:`,
    ...order.map(line),
    `After it there is: ${inWords(state.all())}. None of these can come next:`,
    ...stuck.map(line),
  ];
  return { calls, why: why.join("\n") };
}
