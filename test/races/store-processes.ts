import { setTimeout as sleep } from "node:timers/promises";
import type { StateStore } from "../../src/index.js";
import type { Seat } from "./client.js";
import { clock } from "./clock.js";
import { RemoteStore } from "./remote-store.js";

/** What a client asks of a store. */
const METHODS = ["save", "find", "loadByEventId", "delete", "commit", "list", "erase"] as const;

/** Processes that each have a store of their own on the same data. */
export class StoreProcesses {
  readonly #start: () => Promise<RemoteStore>;
  readonly #stores: RemoteStore[];
  killed = 0;

  /** The module's default export is a harness, which opens the space. */
  static async launch(size: number, module: string, space: string): Promise<StoreProcesses> {
    const start = () => RemoteStore.start(module, space);
    return new StoreProcesses(start, await Promise.all(Array.from({ length: size }, start)));
  }

  private constructor(start: () => Promise<RemoteStore>, stores: readonly RemoteStore[]) {
    this.#start = start;
    this.#stores = [...stores];
  }

  get size(): number {
    return this.#stores.length;
  }

  /** One at each process. Whoever sits at one that is gone is served by the next. */
  seats(clients: number): readonly Seat[] {
    return Array.from({ length: clients }, (_, index) => this.#seat(index % this.#stores.length));
  }

  /** Whether it has something to do. */
  isBusy(place: number): boolean {
    return this.#stores[place]?.isBusy ?? false;
  }

  /** SIGKILL, in the middle of whatever it does; resolves when another has taken its place. */
  async kill(place: number): Promise<void> {
    this.killed++;
    const gone = this.#stores[place]?.kill();
    this.#stores[place] = await this.#start();
    await gone;
  }

  /** Stands still, in the middle of whatever it does. */
  async freeze(place: number, ms: number): Promise<void> {
    const store = this.#stores[place];
    store?.signal("SIGSTOP");
    await sleep(ms);
    store?.signal("SIGCONT");
  }

  #seat(place: number): Seat {
    let times: readonly [number, number] | undefined;
    const asking =
      (method: string) =>
      async (...args: readonly unknown[]) => {
        times = undefined;
        const { value, error, began, ended } = await this.#serving(place).ask(method, args);
        times = [clock(began), clock(ended)];
        if (error) throw error;
        return value;
      };
    const store = Object.fromEntries(METHODS.map((method) => [method, asking(method)]));
    return { store: store as unknown as StateStore, times: () => times };
  }

  #serving(place: number): RemoteStore {
    const inTurn = [...this.#stores.slice(place), ...this.#stores.slice(0, place)];
    return inTurn.find(({ isThere }) => isThere) as RemoteStore;
  }
}
