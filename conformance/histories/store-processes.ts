import { setTimeout as sleep } from "node:timers/promises";
import type { Seat } from "./client.js";
import { clock } from "./clock.js";
import { errorIn, RemoteStore } from "./remote-store.js";
import type { Step } from "./step.js";

/** Processes that each have a store of their own on the same data. */
export class StoreProcesses {
  readonly #start: () => Promise<RemoteStore>;
  readonly #stores: RemoteStore[];
  /** Successors of those that were killed. */
  readonly #coming = new Set<Promise<void>>();
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
    const successor = this.#start().then((store) => {
      this.#stores[place] = store;
    });
    this.#coming.add(successor);
    await successor.finally(() => this.#coming.delete(successor));
    await gone;
  }

  /** Stands still, in the middle of whatever it does. */
  async freeze(place: number, ms: number): Promise<void> {
    const store = this.#stores[place];
    store?.signal("SIGSTOP");
    await sleep(ms);
    store?.signal("SIGCONT");
  }

  /** Ends all of them. */
  async end(): Promise<void> {
    await Promise.allSettled(this.#coming);
    await Promise.all(this.#stores.map((store) => store.kill()));
  }

  #seat(place: number): Seat {
    let times: readonly [number, number] | undefined;
    return {
      ask: async (step: Step) => {
        times = undefined;
        const store = await this.#serving(place);
        const response = await store.ask(step);
        times = [clock(response.began), clock(response.ended)];
        const error = errorIn(response);
        if (error) throw error;
        return response.value;
      },
      times: () => times,
    };
  }

  /** The next one that is there. Where all were killed, the first that comes. */
  async #serving(place: number): Promise<RemoteStore> {
    for (;;) {
      const inTurn = [...this.#stores.slice(place), ...this.#stores.slice(0, place)];
      const serving = inTurn.find(({ isThere }) => isThere);
      if (serving) return serving;
      if (this.#coming.size === 0) throw new Error("every process has ended");
      await Promise.race(this.#coming);
    }
  }
}
