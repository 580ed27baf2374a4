import {
  type Identity,
  type MaintenanceScope,
  maintenanceScope,
  newEventId,
  scanKind,
} from "../../../dist/src/index.js";
import type { Contestant, Setting } from "../contestant.js";
import { grownSlot, PREFIX, SESSION_RECORDS, TENANT_RECORDS } from "../grown.js";
import { openGrown } from "../grown-store.js";
import { randomIntegers, randomPayloads } from "../random.js";
import { identityOf } from "../slots.js";

const REASON = "measure a scan";

/** Every operation of the floor on a filled database; each call checks that it found as many records as there are. */
export async function open({ folder, url, records = 0, payloadBytes }: Setting): Promise<Contestant> {
  const store = await openGrown({ folder, records, ...(url === undefined ? {} : { url }) });
  const [before, after] = randomPayloads(2, payloadBytes, 3) as [Buffer, Buffer];
  const draw = randomIntegers(4);
  const everyone = maintenanceScope({ reason: REASON, allTenants: true });
  const place = (index = draw(records)): { identity: Identity; kind: string } => {
    const slot = grownSlot(index);
    return { identity: identityOf(slot), kind: slot.kind };
  };
  const one = (): MaintenanceScope => maintenanceScope({ reason: REASON, tenant: place().identity.tenant });
  const save = (index?: number, bytes = before) =>
    store.save({ eventId: newEventId(), ...place(index), bytes });
  const load = (index?: number) => {
    const { identity, kind } = place(index);
    return store.load(identity, kind);
  };
  const list = async (scope: MaintenanceScope, prefix: string, wanted: number): Promise<void> =>
    expectCount((await store.listKind(scope, prefix)).length, wanted);
  const scan = async (scope: MaintenanceScope, prefix: string, wanted: number): Promise<void> => {
    let count = 0;
    for await (const _ of scanKind(store, scope, prefix)) count++;
    expectCount(count, wanted);
  };
  const { tenth, hundredth } = PREFIX;
  return {
    overlaps: true,
    settings: "",
    operations: {
      save: { run: () => save() },
      load: { run: () => load() },
      list: {
        run: async () => expectCount((await store.list(place().identity, "")).length, SESSION_RECORDS),
      },
      listKind: { run: () => list(one(), tenth, TENANT_RECORDS / 10) },
      "listKind, one tenant": { run: () => list(one(), hundredth, TENANT_RECORDS / 100) },
      "listKind, all tenants": { run: () => list(everyone, hundredth, records / 100) },
      "scanKind, one tenant": { run: () => scan(one(), hundredth, TENANT_RECORDS / 100) },
      "scanKind, all tenants": { run: () => scan(everyone, hundredth, records / 100) },
    },
    async check() {
      await save(0, after);
      if (!after.equals((await load(0)).bytes)) throw new Error("a record does not hold what was saved last");
    },
    close: () => store.close(),
  };
}

function expectCount(found: number, wanted: number): void {
  if (found !== wanted) throw new Error(`found ${found} records instead of ${wanted}`);
}
