import { changedAllTheTime } from "../content/outdated.js";
import type { CallOptions } from "../contract/store.js";
import { jitteredPause } from "../timing/backoff.js";
import { sleep } from "../timing/real-timers.js";
import { cellKey } from "../typed/cell.js";
import { runExclusive } from "../typed/mutex.js";
import type { Place } from "./kinds.js";
import { lineageCell } from "./lineage-record.js";
import type { CheckpointRecords, FoundLineage } from "./records.js";

const MAX_ATTEMPTS = 50;
/** So often other writers may be faster before those of this process have to wait. */
const PATIENCE = 3;
const BACKOFF = { baseMs: 2, mostMs: 100, random: Math.random };

/**
 * Runs a piece of work, whose commit depends on the lineage as it is, until it returns true: puts change the lineage. The work
 * gets `undefined` where there is no lineage, and also one that is being copied. UNAVAILABLE (`busy`).
 */
export async function untilUnchanged<V, Input>(
  records: CheckpointRecords<V, Input>,
  { owner, lineage }: Place,
  options: CallOptions,
  work: (lineage: FoundLineage | undefined) => Promise<boolean>,
): Promise<void> {
  const attempt = async () => work(await records.lineage(owner, lineage, options, true));
  const key = cellKey(lineageCell(owner, lineage));
  for (let failures = 0; ; ) {
    options.signal?.throwIfAborted();
    // Writers of this process wait for their turn, so after some failures only other processes can be faster.
    const isDone = await (failures < PATIENCE
      ? attempt()
      : runExclusive(records.store, key, options.signal, attempt));
    if (isDone) return;
    if (++failures === MAX_ATTEMPTS) throw changedAllTheTime();
    await sleep(jitteredPause(failures, BACKOFF), options.signal);
  }
}
