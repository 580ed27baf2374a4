import assert from "node:assert/strict";
import { setTimeout as sleep } from "node:timers/promises";
import { isStateError, type StateStore, type UserIdentity } from "../../src/index.js";
import { moveUser } from "../../src/move-user/index.js";
import { createSessions } from "../../src/sessions/index.js";
import type { ConformanceCase } from "../harness/case.js";
import { severalStores } from "./several.js";

const MOVES = 4;
/** So many of each writer, and then the session is left alone: one that changes all the time need not move. */
const APPENDS = 60;
const PAUSE_MS = 2;

/** What moving a user promises, as far as it depends on the store. */
export const moveUserCases: readonly ConformanceCase[] = [
  {
    id: "move-user/whole-beside-writers",
    rule: "A session that moves to another user while stores append to it has all accepted events there, once, in order.",
    needs: "durable",
    async run(context) {
      const stores = await severalStores(context);
      const [moving, ...writing] = stores;
      for (let round = 0; round < MOVES; round++) {
        const from = { ...context.identity(), user: `visitor-${round}` };
        const to = { ...from, user: `member-${round}` };
        await createSessions(moving).create(from);
        const accepted: number[] = [];
        const writers = writing.map(async (store) => {
          const sessions = createSessions(store);
          // Until the session is no longer there.
          for (let value = 0; value < APPENDS; value++, await sleep(PAUSE_MS)) {
            const receipt = await sessions.append(from, { value }).catch(() => undefined);
            if (receipt === undefined) return;
            accepted.push(...receipt.numbers);
          }
        });
        await moveUnlessBusy(moving, from, to.user);
        await Promise.all(writers);
        await moveUser(moving, { tenant: from.tenant, user: from.user }, to.user);
        const events = await createSessions(moving).read(to);
        assert.deepEqual(
          events.map(({ number }) => number),
          accepted.sort((a, b) => a - b),
          "the events of the new user",
        );
        assert.equal(await moving.count(from, ""), 0, "records of the old user");
      }
    },
  },
];

/** Writers may be faster each time. Then the session moves once they have ended. */
async function moveUnlessBusy(store: StateStore, { tenant, user }: UserIdentity, to: string): Promise<void> {
  try {
    await moveUser(store, { tenant, user }, to);
  } catch (error) {
    if (!isStateError(error, "UNAVAILABLE") || error.details.reason !== "busy") throw error;
  }
}
