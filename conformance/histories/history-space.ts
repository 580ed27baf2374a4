import type { StateStore } from "../../src/index.js";
import type { Harness } from "../harness/case.js";
import { withTimeLimit } from "../harness/time-limit.js";
import type { Subject } from "./run-script.js";

/** A space of its own, and the stores that are open on it. */
export class HistorySpace implements Subject {
  readonly name: string;
  readonly #harness: Harness;
  readonly #timeoutMs: number;
  readonly #stores: StateStore[] = [];

  static async open(
    harness: Harness,
    name: string,
    stores: number,
    timeoutMs: number,
  ): Promise<HistorySpace> {
    const space = new HistorySpace(harness, name, timeoutMs);
    try {
      for (let at = 0; at < stores; at++) space.#stores.push(await space.#openStore());
    } catch (error) {
      await space.end().catch(() => {});
      throw error;
    }
    return space;
  }

  private constructor(harness: Harness, name: string, timeoutMs: number) {
    this.#harness = harness;
    this.name = name;
    this.#timeoutMs = timeoutMs;
  }

  get stores(): readonly StateStore[] {
    return this.#stores;
  }

  store(at: number): StateStore {
    return this.#stores[at] as StateStore;
  }

  async restart(at: number): Promise<void> {
    await this.#within(this.store(at).close(), "close");
    this.#stores[at] = await this.#openStore();
  }

  /** Closes the stores and removes the space, whatever comes of it. */
  async end(): Promise<void> {
    const closing = this.#stores.map((store) => this.#within(store.close(), "close"));
    await Promise.allSettled(closing);
    await this.#within(Promise.resolve(this.#harness.destroy?.(this.name)), "destroy").catch(() => {});
  }

  #openStore(): Promise<StateStore> {
    return this.#within(this.#harness.open(this.name, {}), "open");
  }

  #within<T>(work: Promise<T>, what: string): Promise<T> {
    return withTimeLimit(work, this.#timeoutMs, what);
  }
}
