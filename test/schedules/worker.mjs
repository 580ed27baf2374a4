// A worker that claims what is due by a clock in a file, until it is killed. It may kill itself while it holds an occurrence.
// What it does is written to a file of its own, outside the store, line by line: `ran s1 3 1`, `told s1 3 1 ok`.
import { appendFileSync, openSync, readSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { openStore } from "groundstate";
import "groundstate/drivers";
import { createSchedules } from "groundstate/schedules";

const { url, tenant, me, folder, plan, leaseMs, diesAt } = JSON.parse(process.argv[2]);
const file = openSync(join(folder, "clock"), "r");
const bytes = Buffer.alloc(8);
function clock() {
  readSync(file, bytes, 0, 8, 0);
  return bytes.readDoubleLE();
}
const store = await openStore(url);
const schedules = createSchedules(store, { clock });
const who = { tenant };
/** Other processes may have the file for long where there are many of them on few cores. */
async function untilAvailable(call) {
  for (;;) {
    try {
      return await call();
    } catch (error) {
      if (error.code !== "UNAVAILABLE") throw error;
      await sleep(20);
    }
  }
}
const say = (line) => appendFileSync(join(folder, `worker-${me}`), `${line}\n`);

// All put the same: whoever comes later changes nothing.
const dated = ({ at, startAt, ...when }) => ({
  ...when,
  ...(at && { at: new Date(at) }),
  ...(startAt && { startAt: new Date(startAt) }),
});
for (const schedule of plan)
  await untilAvailable(() => schedules.put(who, { ...schedule, when: dated(schedule.when) }));

for (let claims = 1; ; ) {
  const asked = clock();
  const claimed = await untilAvailable(() => schedules.claimDue(who, { worker: `worker-${me}`, leaseMs }));
  if (claimed === undefined) {
    // Nothing becomes due before the clock is set. Whoever asked all the time would take it from those who work.
    while (clock() === asked) await sleep(3 + Math.random() * 5);
    continue;
  }
  const { lease, occurrence } = claimed;
  const id = `${occurrence.schedule} ${occurrence.number} ${lease.fence}`;
  say(`ran ${id}`);
  if (claims++ === diesAt) process.kill(process.pid, "SIGKILL");
  try {
    await untilAvailable(() => schedules.finish(lease, { status: "completed" }));
    say(`told ${id} ok`);
  } catch (error) {
    say(`told ${id} ${error.code ?? error}`);
    if (error.code !== "FENCED") throw error;
  }
}
