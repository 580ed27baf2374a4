import { Client, type Seat, type Table } from "./client.js";
import { type Plan, placesOf } from "./client-plan.js";
import type { History } from "./history.js";

/** Lets clients do what is planned, all at once, each at the seat of its turn. `pause` passes between two moves. */
export async function play(
  plan: Plan,
  seats: readonly Seat[],
  tenant: string,
  pause: () => Promise<unknown> = async () => {},
): Promise<History["calls"]> {
  const table: Table = { places: placesOf(tenant), calls: new Map(), commits: [] };
  const clients = plan.map(async (steps, index) => {
    const name = String.fromCharCode("a".charCodeAt(0) + index);
    const client = new Client(name, seats[index % seats.length] as Seat, table);
    for (const planned of steps) {
      await pause();
      await client.make(planned);
    }
  });
  await Promise.all(clients);
  return [...table.calls.values()];
}
