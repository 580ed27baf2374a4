import { setImmediate as turn } from "node:timers/promises";
import type { ListOptions } from "../../src/index.js";
import { brokenStore, type Mutant } from "./mutant.js";

/** Stores in which whoever comes later waits for all who came before, whoever they are. */
export const neighbourMutants: readonly Mutant[] = [
  brokenStore("saves-in-one-line", "neighbours/saves", (store) => {
    const inLine = oneLine();
    return { save: (record, options) => inLine(() => store.save(record, options)) };
  }),
  brokenStore("saves-behind-erases", "neighbours/erases", (store) => {
    const inLine = oneLine();
    return {
      save: (record, options) => inLine(() => store.save(record, options)),
      erase: (session, options) => inLine(() => store.erase(session, options)),
    };
  }),
  brokenStore("loads-in-one-line", "neighbours/loads", (store) => {
    const inLine = oneLine();
    return { load: (identity, kind, options) => inLine(() => store.load(identity, kind, options)) };
  }),
  brokenStore("lists-in-one-line", "neighbours/lists", (store) => {
    const inLine = oneLine();
    return {
      list: (identity, prefix, options) => inLine(() => store.list(identity, prefix, options as ListOptions)),
    };
  }),
  brokenStore("loads-behind-lists", "neighbours/lists", (store) => {
    const lines = new Map<string, Line>();
    let lists: Promise<unknown> = Promise.resolve();
    return {
      async load(identity, kind, options) {
        await lists;
        return store.load(identity, kind, options);
      },
      list(identity, prefix, options) {
        const inLine = lines.get(identity.tenant) ?? oneLine();
        lines.set(identity.tenant, inLine);
        const listed = inLine(() => store.list(identity, prefix, options as ListOptions));
        lists = Promise.allSettled([lists, listed]);
        return listed;
      },
    };
  }),
];

type Line = <T>(work: () => Promise<T>) => Promise<T>;

/** So many at a time: with one, thousands of turns of a busy event loop would pass. */
const WIDTH = 16;

/** First come, first served, each in a turn of the event loop that begins when an earlier one has ended. */
function oneLine(): Line {
  const ahead: Promise<unknown>[] = [];
  return (work) => {
    const earlier = ahead.length < WIDTH ? undefined : ahead.shift();
    const answer = Promise.resolve(earlier)
      .then(() => turn())
      .then(work);
    ahead.push(answer.catch(() => {}));
    return answer;
  };
}
