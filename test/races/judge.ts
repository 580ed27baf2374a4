import { drawn, type History, isInert, line, told, written } from "./history.js";
import { checkLinearizable } from "./linearizable.js";
import { smallest } from "./smallest.js";
import { storeSpecification } from "./store-specification.js";

export function judge({ calls, asksAgain }: History, mostSteps?: number) {
  return checkLinearizable(calls, storeSpecification({ asksAgain }), mostSteps);
}

/** What does not fit in a history that is not linearizable, and the whole of it. */
export function explain(history: History): string {
  const verdict = judge(history);
  const what =
    verdict.is === "not linearizable"
      ? misfit(history)
      : `it is ${verdict.is}: there may be too many orders to try`;
  const all = "All of it (GROUNDSTATE_HISTORY=<a file that holds this line> judges it again):";
  return `${what}\n\n${all}\n${written(history)}`;
}

type Failure = Extract<ReturnType<typeof judge>, { readonly is: "not linearizable" }>;

/** So that dozens of attempts to leave something out take no minutes. */
const STEPS_TO_SIMPLIFY = 10_000;

function misfit(history: History): string {
  const isFine = (calls: History["calls"]) =>
    judge({ ...history, calls }, STEPS_TO_SIMPLIFY).is !== "not linearizable";
  const calls = smallest(history.calls, isFine, isInert);
  const { order, stuck, state } = judge({ ...history, calls }) as Failure;
  return [
    `No order explains these ${calls.length} of ${history.calls.length} calls (microseconds, client, call, answer):`,
    drawn(calls),
    `The longest order has ${order.length} of them:`,
    ...order.map(line),
    `After it there is: ${told(state.all())}. None of these can come next:`,
    ...stuck.map(line),
  ].join("\n");
}
