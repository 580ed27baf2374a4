import { type Identity, type NewRecord, newEventId } from "../../../dist/src/index.js";
import type { Contestant, Setting } from "../contestant.js";
import { openFresh } from "../fresh-store.js";
import { randomPayloads, shuffled } from "../random.js";
import { identityOf, slotAt } from "../slots.js";

const SESSIONS = 2_000;
const WRITES = 5;
const CHECKED = 100;
const FILLED_AT_ONCE = 64;

/** Overwrites all records of one session after another, as one commit or as one save each, all asked for at once. */
export async function open({
  folder,
  url = "",
  payloadBytes,
  driver = "sqlite",
  variant = "",
}: Setting): Promise<Contestant> {
  const store = await openFresh({ driver, name: `writes_${variant}`, folder, url });
  const identities = Array.from({ length: SESSIONS }, (_, index) => identityOf(slotAt(index * 4)));
  const payloads = randomPayloads(256, payloadBytes, payloadBytes);
  const order = shuffled(SESSIONS, 1);
  const asked = new Int16Array(SESSIONS);
  let calls = 0;
  const nextRecords = (): NewRecord[] => {
    const session = order[calls % SESSIONS] as number;
    const which = calls++ % payloads.length;
    asked[session] = which;
    const identity = identities[session] as Identity;
    return Array.from({ length: WRITES }, (_, index) => ({
      eventId: newEventId(),
      identity,
      kind: `agent/state-${index}`,
      bytes: payloads[which] as Buffer,
    }));
  };
  const save = () => Promise.all(nextRecords().map((record) => store.save(record)));
  const commit = () => store.commit(nextRecords().map((record) => ({ op: "save", record })));
  const run: () => Promise<unknown> = variant === "commit" ? commit : save;
  for (let done = 0; done < SESSIONS; done += FILLED_AT_ONCE)
    await Promise.all(Array.from({ length: FILLED_AT_ONCE }, run));
  return {
    overlaps: true,
    settings: `${SESSIONS} sessions of ${WRITES} records`,
    operations: { write: { run, counts: WRITES } },
    async check() {
      for (const session of order.subarray(0, CHECKED)) {
        for (let index = 0; index < WRITES; index++) {
          const found = await store.load(identities[session] as Identity, `agent/state-${index}`);
          if (!(payloads[asked[session] as number] as Buffer).equals(found.bytes))
            throw new Error(`session ${session} does not hold what was saved into it last`);
        }
      }
    },
    close: () => store.close(),
  };
}
