import { createSessions } from "../../../dist/src/sessions/index.js";
import { inTurn, type TypedWork } from "./typed-work.js";

const EVENT = { role: "assistant", text: "a".repeat(200) };

/** One event that grows while it is streamed: each call replaces it. */
export const replaceEvents: TypedWork = {
  calls: 1,
  async open(store, identities) {
    const sessions = createSessions(store);
    for (const identity of identities) {
      await sessions.create(identity);
      await sessions.append(identity, { value: EVENT });
    }
    const next = inTurn(identities);
    let piece = 0;
    return {
      run: () => sessions.replace(next(), { number: 1, value: { ...EVENT, piece: ++piece } }),
      async check(done) {
        const replaced = await Promise.all(identities.map((identity) => sessions.read(identity)));
        const missing = replaced.filter(
          ([event]) => event?.redacted !== undefined || event?.replacedAt === undefined,
        ).length;
        if (missing > 0 && done >= identities.length) throw new Error(`${missing} events were not replaced`);
      },
    };
  },
};
