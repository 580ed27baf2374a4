import type { StateStore } from "../../../dist/src/index.js";
import { createSessions } from "../../../dist/src/sessions/index.js";
import { createToolCalls } from "../../../dist/src/tool-calls/index.js";
import { together } from "../../../dist/src/typed/index.js";
import { openFresh } from "../fresh-store.js";
import { CROWD, endOf, SESSION_CALLS } from "../retained.js";
import type { RetainedInput } from "./apply-retention.js";

const AT_ONCE = 32;
const CALLS_OF_COMMIT = 10;
const TEXT = "a".repeat(300);

/** Fills a store with calls of mixed age, in sessions with an event each. */
export async function run({ calls, ...place }: RetainedInput): Promise<void> {
  const store = await openFresh(place);
  const sessions = calls / SESSION_CALLS;
  let next = 0;
  const worker = async (): Promise<void> => {
    while (next < sessions) {
      const number = next++;
      await fillSession(store, number, endOf(number, sessions));
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, worker));
  await store.close();
}

async function fillSession(store: StateStore, number: number, at: number): Promise<void> {
  const clock = () => at;
  const [sessions, calls] = [createSessions(store, { clock }), createToolCalls(store, { clock })];
  const who = { tenant: CROWD, user: `user-${number % 100}`, session: `session-${number}` };
  await sessions.create(who);
  await sessions.append(who, { value: TEXT });
  for (let from = 0; from < SESSION_CALLS; from += CALLS_OF_COMMIT)
    await together(store, async (unit) => {
      for (let id = from; id < from + CALLS_OF_COMMIT; id++) {
        await calls.in(unit).begin(who, { id: `call-${id}`, tool: "search", arguments: { query: TEXT } });
        await calls.in(unit).succeed(who, `call-${id}`, { result: TEXT });
      }
    });
}
