import { type Identity, newEventId, userIdentity } from "../../../dist/src/index.js";
import { type KeptWork, READ, times } from "./kept-work.js";

/** What the wrappers are compared with: each save into a slot of its own, loads of the first ones. */
export const bareRecords = (bytesOf: (number: number) => Uint8Array): KeptWork => ({
  async open(store, owners) {
    let [saved, loaded] = [0, 0];
    const identities = owners.map(({ tenant, user }) => userIdentity(tenant, user));
    const ownerOf = (number: number) => identities[number % identities.length] as Identity;
    const save = () => {
      const number = saved++;
      const record = { eventId: newEventId(), identity: ownerOf(number), kind: `bare/${number}` };
      return store.save({ ...record, bytes: bytesOf(number) });
    };
    const load = (number: number) => store.load(ownerOf(number), `bare/${number}`);
    await times(READ, save);
    return {
      operations: { write: { run: save }, read: { run: () => load(loaded++ % READ) } },
      async check() {
        const { bytes } = await load(saved - 1);
        if (!Buffer.from(bytesOf(saved - 1)).equals(bytes)) throw new Error("the last save is not there");
      },
    };
  },
});
