// A worker that does runs until none is left. What it does is written to one file for each run, outside the store, line by
// line in the order of time: `claimed 2`, `ran 2 s1`, `kept 2 s1`, `asks 2 complete`, `told 2 complete ok`.
import { appendFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { openStore } from "groundstate";
import "groundstate/drivers";
import { createRuns } from "groundstate/runs";

const { url, tenant, me, folder, steps, leaseMs, stalls, fencing } = JSON.parse(process.argv[2]);
const store = await openStore(url);
const runs = createRuns(store);
const worker = `worker-${me}`;
const say = (id, line) => appendFileSync(join(folder, id), `${line}\n`);

for (;;) {
  const claimed = await runs.claimNext({ tenant }, { worker, leaseMs });
  if (claimed !== undefined) {
    say(claimed.run.id, `claimed ${claimed.lease.fence}`);
    await work(claimed.lease);
    continue;
  }
  const { runs: open } = await runs.list({ tenant }, { status: ["pending", "running"], limit: 1 });
  if (open.length === 0) break;
  await sleep(10 + Math.random() * 20);
}
await store.close();

async function work(lease) {
  const { id, fence } = lease;
  for (let n = 0; n < steps; n++) {
    const key = `s${n}`;
    const isKept = await ask(lease, key, async (held) => {
      await runs.step(held, key, async (step) => {
        say(id, `ran ${fence} ${key}`);
        step.use({ tokens: 1 });
        await sleep(Math.random() * 5);
        await stall();
        return fence;
      });
      say(id, `kept ${fence} ${key}`);
    });
    if (!isKept) return;
  }
  await ask(lease, "complete", (held) => runs.complete(held, { result: { fence } }));
}

/** Returns false if the worker was told that its lease holds no longer. */
async function ask(lease, what, call) {
  const { id, fence } = lease;
  await stall();
  const held = fencing ? lease : await latestLease(lease);
  if (held === undefined) return false;
  say(id, `asks ${fence} ${what}`);
  try {
    await call(held);
    say(id, `told ${fence} ${what} ok`);
    return true;
  } catch (error) {
    say(id, `told ${fence} ${what} ${error.code ?? error}`);
    if (error.code === "FENCED") return false;
    throw error;
  }
}

/** Now and then longer than the lease, as in a process that was stopped, or one that waits for a network. */
async function stall() {
  if (Math.random() < stalls) await sleep(leaseMs * (1 + 2 * Math.random()));
}

/** Control: as if nobody compared the lease of a write with the latest one. */
async function latestLease(lease) {
  const record = await store.find(lease.identity, `run/${lease.id}`);
  const state = JSON.parse(Buffer.from(record.bytes).toString());
  return (
    state.lease && { ...lease, fence: state.fence, leaseId: state.lease.leaseId, worker: state.lease.worker }
  );
}
