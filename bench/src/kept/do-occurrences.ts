import { createSchedules } from "../../../dist/src/schedules/index.js";
import { type KeptWork, times } from "./kept-work.js";

const SCHEDULES = 64;
const EVERY_MS = 1_000;
/** Times that are due before the first claim, so that every caller finds one. */
const AHEAD = 10;
const ACTION = { task: "a".repeat(150) };
const CLAIM = { worker: "w", leaseMs: 3_600_000 };

/** The next time of a tenant's schedules claimed and finished. The clock goes on by as much as there is one due. */
export const doOccurrences: KeptWork = {
  async open(store, owners) {
    const { tenant = "" } = owners[0] ?? {};
    let now = Date.now();
    const schedules = createSchedules(store, { clock: () => now });
    let made = 0;
    const when = { everyMs: EVERY_MS };
    await times(SCHEDULES, () =>
      schedules.put({ tenant }, { name: `s-${made++}`, when, action: ACTION, keep: 10, graceMs: 86_400_000 }),
    );
    now += AHEAD * EVERY_MS;
    let last: { readonly schedule: string; readonly id: string } | undefined;
    return {
      operations: {
        write: {
          counts: 2,
          async run() {
            now += EVERY_MS / SCHEDULES;
            const claimed = await schedules.claimDue({ tenant }, CLAIM);
            if (claimed === undefined) throw new Error("no schedule was due");
            await schedules.finish(claimed.lease, { status: "completed" });
            last = claimed.occurrence;
          },
        },
      },
      async check() {
        if (last === undefined) throw new Error("nothing was claimed");
        const { occurrences } = await schedules.history({ tenant }, last.schedule);
        const found = occurrences.find(({ id }) => id === last?.id);
        if (found?.status !== "completed") throw new Error("the last occurrence was not finished");
      },
    };
  },
};
