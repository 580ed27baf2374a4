import { isDeepStrictEqual } from "node:util";
import { type Call, codeOf } from "./history.js";
import type { Specification } from "./linearizable.js";
import { Model } from "./model.js";
import { predict } from "./predict.js";

/**
 * The contract of the store, as the differential tests' model has it: all slots, commits and event ids of a history are
 * one object. With `asksAgain` the store may have lost an answer and asked once more by itself, so that a write may be
 * told that it is a duplicate of its own first try.
 */
export function storeSpecification({ asksAgain = false } = {}): Specification<Model, Call> {
  return {
    initial: new Model(),
    step(model, { step, answer, ended }) {
      // Nothing was written, whatever is stored.
      if (codeOf(answer) === "UNAVAILABLE") return model;
      const next = model.copy();
      const due = predict(next, step);
      const fits =
        ended === undefined ||
        isDeepStrictEqual(answer, due) ||
        (asksAgain && isDeepStrictEqual(answer, asDuplicate(due)));
      return fits ? next : undefined;
    },
    key: (model) => model.key(),
  };
}

/** What a write that took effect is told when it is asked again. */
function asDuplicate(answer: unknown): unknown {
  return JSON.parse(JSON.stringify(answer), (key, value) => {
    if (key === "duplicate") return true;
    // A replay does not say what its deletes found, and counts no erased records.
    if (key === "deleted") return undefined;
    return key === "erased" ? value.map(() => 0) : value;
  });
}
