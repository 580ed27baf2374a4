import postgres from "postgres";
import { openDelayedLine } from "../delayed-line.js";
import { openFresh, type Place } from "../fresh-store.js";
import type { Opening } from "../results.js";
import { median } from "../statistics.js";

const TIMES = 15;
/** Long beside what anything but waiting for the server takes. */
const DELAY_MS = 20;

/** Opens a store on a database that is there, many times. */
export async function run(place: Place): Promise<Opening> {
  const firstMs = await openingMs(place);
  const laterMs = await medianOf(() => openingMs(place));
  if (place.url === undefined) return { driver: "SQLite", firstMs, laterMs };
  const { url } = place;
  const connectMs = await medianOf(() => connectingMs(url));
  return { driver: "Postgres", firstMs, laterMs, connectMs, roundTrips: await roundTrips({ ...place, url }) };
}

/** On a line that is slow enough that all else hardly counts. The bare client's first query takes one of its own. */
async function roundTrips(place: Place & { readonly url: string }): Promise<number> {
  const line = await openDelayedLine(place.url, DELAY_MS);
  const opening = await medianOf(() => openingMs({ ...place, url: line.url }));
  const connecting = await medianOf(() => connectingMs(line.url));
  line.close();
  return Math.round((opening - connecting) / (2 * DELAY_MS)) + 1;
}

async function openingMs(place: Place): Promise<number> {
  const started = performance.now();
  const store = await openFresh(place);
  const took = performance.now() - started;
  await store.close();
  return took;
}

async function connectingMs(url: string): Promise<number> {
  const started = performance.now();
  const client = postgres(url, { max: 1, fetch_types: false, onnotice() {} });
  await client.unsafe("SELECT 1");
  const took = performance.now() - started;
  await client.end({ timeout: 5 });
  return took;
}

async function medianOf(measureOnce: () => Promise<number>): Promise<number> {
  const times: number[] = [];
  for (let time = 0; time < TIMES; time++) times.push(await measureOnce());
  return median(times);
}
