import { createSessions } from "../../../dist/src/sessions/index.js";
import { expectCount, inTurn, type TypedWork } from "./typed-work.js";

const EVENT = { role: "assistant", text: "a".repeat(200) };

/** One event of about 256 bytes per call, to sessions with this much metadata. */
export const appendEvents = (metadataBytes: number): TypedWork => ({
  calls: 1,
  async open(store, identities) {
    const sessions = createSessions(store);
    const metadata = { text: "a".repeat(metadataBytes) };
    for (const identity of identities) await sessions.create(identity, { metadata });
    const next = inTurn(identities);
    return {
      run: () => sessions.append(next(), { value: EVENT }),
      async check(done) {
        const counts = await Promise.all(
          identities.map((identity) => store.count(identity, "session.events")),
        );
        const stored = counts.reduce((sum, count) => sum + count, 0);
        if (stored < done) expectCount("events", stored, done);
      },
    };
  },
});
