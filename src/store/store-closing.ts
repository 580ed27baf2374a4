import type { Driver } from "../contract/driver.js";
import { StateError } from "../contract/errors.js";
import type { CloseOptions } from "../contract/store.js";
import { callDriver } from "../queue/call-driver.js";
import { raceAbort, settlesWithin } from "../timing/cancellation.js";
import { readInteger, readOptions, readSignal } from "../validation/validate.js";

const CLOSE_OPTIONS = ["signal", "timeoutMs"];
/** Of accepted writes by default, and then of the driver, in milliseconds. */
const DEFAULT_TIMEOUT_MS = 10_000;
const MAX_TIMEOUT_MS = 2 ** 31 - 1;

/** Something of a store that must come to its end. */
export interface Closable {
  /** Resolves when nothing of it is under way. */
  finished(): Promise<unknown>;
  /** Settles what is unfinished, once that is waited for no longer. */
  abandon?(): void;
  /** Begins nothing more. */
  stop?(): void;
}

/** The end of a store: what it accepted, and then its driver. */
export class StoreClosing {
  readonly #driver: Driver;
  readonly #parts: readonly Closable[];
  #closing: Promise<void> | undefined;
  /** Aborts when what is unfinished shall be waited for no longer. */
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
    // Of several that close it, whoever is in the greatest hurry decides.
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
