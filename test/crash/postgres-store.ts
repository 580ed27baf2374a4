import { onTestFinished } from "vitest";
import "../../drivers/index.js";
import type { PostgresConfig } from "../../drivers/postgres/index.js";
import { openStore, type StateStore } from "../../src/index.js";
import type { StoreOptions } from "../../src/validation/store-options.js";

/** A store as a program opens it, closed after the test. */
export async function openOn(
  url: string,
  options: Omit<PostgresConfig, "url"> & StoreOptions = {},
): Promise<StateStore> {
  const store = await openStore({ driver: "postgres", url, ...options });
  onTestFinished(() => store.close({ timeoutMs: 0 }));
  return store;
}

/** What the `retrying` layer does unless it is told otherwise. */
const TRIES = 8;
const BASE_MS = 20;
const MOST_MS = 1000;
const WITHIN_MS = 10_000;

/**
 * The longest that a call of a store may take, its default layers included, where nobody else locks its sessions. A try
 * ends by the deadline; the layer begins the last one `withinMs` after the first, or when it has made all; after an
 * unknown outcome the store has it all done once more; and before its turn a call may have waited for one like it.
 */
export function longestCallMs(timeoutMs: number): number {
  const pauses = Array.from({ length: TRIES - 1 }, (_, n) => Math.min(MOST_MS, BASE_MS * 2 ** n));
  const last = (TRIES - 1) * timeoutMs + pauses.reduce((sum, pause) => sum + pause);
  const tried = Math.min(WITHIN_MS, last) + timeoutMs;
  return 2 * (2 * tried);
}
