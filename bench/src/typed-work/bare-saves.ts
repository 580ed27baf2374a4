import { newEventId } from "../../../dist/src/index.js";
import { inTurn, type TypedWork } from "./typed-work.js";

/** What the others are compared with: each save into a slot of its own. */
export const bareSaves: TypedWork = {
  calls: 1,
  async open(store, sessions) {
    const next = inTurn(sessions);
    const bytes = Buffer.alloc(256, "a");
    let saved = 0;
    // Also where several processes save into one store.
    const kindOf = (number: number) => `bare/${process.pid}/${number}`;
    return {
      run: () => store.save({ eventId: newEventId(), identity: next(), kind: kindOf(saved++), bytes }),
      async check() {
        const identity = sessions[(saved - 1) % sessions.length] as (typeof sessions)[number];
        await store.load(identity, kindOf(saved - 1));
      },
    };
  },
};
