import { drawn, type History, written } from "../../conformance/histories/history.js";
import { judge, misfitIn } from "../../conformance/histories/judge.js";

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

function misfit(history: History): string {
  const { calls, why } = misfitIn(history);
  const what = `No order explains these ${calls.length} of ${history.calls.length} calls`;
  return `${what} (microseconds, client, call, answer):\n${drawn(calls)}\n${why}`;
}
