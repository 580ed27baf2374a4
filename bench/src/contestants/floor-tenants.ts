import "../../../dist/drivers/index.js";
import { type Identity, newEventId, openStore } from "../../../dist/src/index.js";
import type { Contestant, Setting } from "../contestant.js";
import { randomPayloads, shuffled } from "../random.js";

const SLOTS = 6_400;
const CHECKED = 200;
const FILLED_AT_ONCE = 256;

/** Saves over and loads the slots of `records` tenants. The variant is the driver's option `batch`, or `notify`. */
export async function open({
  url = "",
  payloadBytes,
  variant = "",
  records: tenants = 1,
}: Setting): Promise<Contestant> {
  const options = variant === "notify" ? { notify: true } : { batch: variant as "shared" | "tenant" };
  const schema = `tenants_${tenants}_${variant}`;
  const store = await openStore({ driver: "postgres", url, schema, ...options });
  const slots = Array.from({ length: SLOTS }, (_, index): { identity: Identity; kind: string } => ({
    identity: { tenant: `tenant-${index % tenants}`, user: `user-${index % 640}`, session: `s-${index}` },
    kind: "agent/state",
  }));
  const payloads = randomPayloads(256, payloadBytes, payloadBytes);
  const order = shuffled(SLOTS, 1);
  const asked = new Int16Array(SLOTS);
  let saves = 0;
  let loads = 0;
  const save = () => {
    const slot = order[saves % SLOTS] as number;
    const which = saves++ % payloads.length;
    asked[slot] = which;
    const { identity, kind } = slots[slot] as (typeof slots)[number];
    return store.save({ eventId: newEventId(), identity, kind, bytes: payloads[which] as Buffer });
  };
  const load = () => {
    const { identity, kind } = slots[order[loads++ % SLOTS] as number] as (typeof slots)[number];
    return store.load(identity, kind);
  };
  for (let done = 0; done < SLOTS; done += FILLED_AT_ONCE)
    await Promise.all(Array.from({ length: FILLED_AT_ONCE }, save));
  return {
    overlaps: true,
    settings: `${variant === "notify" ? "notify: true" : `batch: "${variant}"`}, ${tenants} tenants`,
    operations: { save: { run: save }, load: { run: load } },
    async check() {
      for (const slot of order.subarray(0, CHECKED)) {
        const { identity, kind } = slots[slot] as (typeof slots)[number];
        const { bytes } = await store.load(identity, kind);
        if (!(payloads[asked[slot] as number] as Buffer).equals(bytes))
          throw new Error(`slot ${slot} does not hold what was saved into it last`);
      }
    },
    close: () => store.close(),
  };
}
