import type { Driver } from "../contract/driver.js";
import { StateError } from "../contract/errors.js";
import type { CloseOptions } from "../contract/store.js";
import { callDriver } from "../queue/call-driver.js";
import { raceAbort, settlesWithin } from "../timing/cancellation.js";
import { readInteger, readOptions, readSignal } from "../validation/validate.js";

const CLOSE_OPTIONS = ["signal", "timeoutMs"];
/** How long `close` waits for accepted writes by default, and then for the driver, in milliseconds. */
const DEFAULT_TIMEOUT_MS = 10_000;
const MAX_TIMEOUT_MS = 2 ** 31 - 1;

/** A part of a store that `close` waits for. */
export interface Closable {
  /** Resolves when none of its work is under way. */
  finished(): Promise<unknown>;
  /** Rejects unfinished work, once `close` stops waiting. */
  abandon?(): void;
  /** Starts no more work. */
  stop?(): void;
}

/** Closes a store: waits for its parts, then closes the driver. */
export class StoreClosing {
  readonly #driver: Driver;
  readonly #parts: readonly Closable[];
  #closing: Promise<void> | undefined;
  /** Aborts when `close` stops waiting for unfinished work. */
  readonly #closeNow = new AbortController();

  constructor(driver: Driver, parts: readonly Closable[]) {
    this.#driver = driver;
    this.#parts = parts;
  }

  get hasBegun(): boolean {
    return this.#closing !== undefined;
  }

  close(options: CloseOptions | undefined): Promise<void> {
    const given = readOptions(options, CLOSE_OPTIONS);
    const signal = readSignal(given);
    const timeoutMs =
      "timeoutMs" in given
        ? readInteger(given.timeoutMs, "timeoutMs", 0, MAX_TIMEOUT_MS)
        : DEFAULT_TIMEOUT_MS;
    this.#closing ??= this.#shutdown();
    // Of several `close` calls, the shortest timeout counts.
    void settlesWithin(this.#closing, timeoutMs, signal).then(
      (isClosed) => isClosed || this.#closeNow.abort(),
    );
    return this.#closing;
  }

  async #shutdown(): Promise<void> {
    const finished = Promise.all(this.#parts.map((part) => part.finished()));
    await raceAbort(finished, this.#closeNow.signal).catch(() => {
      for (const part of this.#parts) part.abandon?.();
    });
    for (const part of this.#parts) part.stop?.();
    const released = callDriver(() => this.#driver.close(), "the driver failed to close");
    if (await settlesWithin(released, DEFAULT_TIMEOUT_MS, undefined)) return released;
    throw new StateError("UNAVAILABLE", "the driver did not release its resources in time", {
      details: { reason: "unreachable" },
    });
  }
}
