import { newEventId, userIdentity } from "../../../dist/src/index.js";
import type { Contestant, Setting } from "../contestant.js";
import { openNamed } from "../ledger-store.js";
import { bytesOf, callAt } from "../ledger-year.js";

/** The same calls saved and no more, each in a slot of its own. */
export async function open(setting: Setting): Promise<Contestant> {
  const store = await openNamed(setting, "recording_saves");
  const { records = 0 } = setting;
  let saved = 0;
  const place = (index: number) => {
    const call = callAt(index, records);
    const { tenant, user } = call.identity;
    return { identity: userIdentity(tenant, user), kind: `call/${index}`, bytes: bytesOf(call) };
  };
  return {
    overlaps: true,
    settings: "",
    operations: { record: { run: () => store.save({ eventId: newEventId(), ...place(saved++) }) } },
    async check() {
      const { identity, kind, bytes } = place(saved - 1);
      if (!bytes.equals((await store.load(identity, kind)).bytes))
        throw new Error("the last call is not there");
    },
    close: () => store.close(),
  };
}
