import { openFresh, type Place } from "../fresh-store.js";

/** Makes an empty store, for another process to open. */
export async function run(place: Place): Promise<void> {
  await (await openFresh(place)).close();
}
