import { setImmediate as turn } from "node:timers/promises";
import type { ListOptions } from "../../src/index.js";
import { brokenStore, type Mutant } from "./mutant.js";

/** Stores in which whoever comes later waits for all who came before, whoever they are. */
export const neighbourMutants: readonly Mutant[] = [
  brokenStore("saves-in-one-line", "neighbours/saves", (store) => {
    const inLine = oneLine(WIDE);
    return { save: (record, options) => inLine(() => store.save(record, options)) };
  }),
  brokenStore("saves-behind-erases", "neighbours/erases", (store) => {
    const inLine = oneLine(NARROW);
    return {
      save: (record, options) => inLine(() => store.save(record, options)),
      erase: (session, options) => inLine(() => store.erase(session, options)),
    };
  }),
  brokenStore("loads-in-one-line", "neighbours/loads", (store) => {
    const inLine = oneLine(WIDE);
    return { load: (identity, kind, options) => inLine(() => store.load(identity, kind, options)) };
  }),
  brokenStore("lists-in-one-line", "neighbours/lists", (store) => {
    const inLine = oneLine(WIDE);
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
        const inLine = lines.get(identity.tenant) ?? oneLine(WIDE);
        lines.set(identity.tenant, inLine);
        const listed = inLine(() => store.list(identity, prefix, options as ListOptions));
        lists = Promise.allSettled([lists, listed]);
        return listed;
      },
    };
  }),
];

type Line = <T>(work: () => Promise<T>) => Promise<T>;

/** A wide line takes fewer turns of the event loop, each of which is long where many tests share it. */
const WIDE = 64;
const NARROW = 8;

/** First come, first served, each in a turn of the event loop that begins when the one `width` before it has ended. */
function oneLine(width: number): Line {
  const ahead: Promise<unknown>[] = [];
  return (work) => {
    const earlier = ahead.length < width ? undefined : ahead.shift();
    const answer = Promise.resolve(earlier)
      .then(() => turn())
      .then(work);
    ahead.push(answer.catch(() => {}));
    return answer;
  };
}
