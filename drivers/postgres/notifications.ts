import type { ChangeFeed, ChangeListener } from "../../src/contract/driver.js";
import { clearTimeout, setTimeout, type Timer } from "../../src/timing/real-timers.js";
import { groupOf, groupsIn } from "./change-groups.js";
import { Listening, type ListeningOptions } from "./listening.js";

/** While the connection listens, the store asks every two seconds: another process may write without notifying. */
const SAFETY_POLL_MS = 2000;
/** How long the connection stays after the last watch: another one may begin soon. */
const LINGER_MS = 10_000;

/** Tells of what other stores notify, while somebody watches. */
export class Notifications implements ChangeFeed {
  readonly groupOf = groupOf;
  readonly #options: ListeningOptions;
  readonly #listeners = new Set<ChangeListener>();
  #listening: Listening | undefined;
  #lingering: Timer | undefined;

  constructor(options: ListeningOptions) {
    this.#options = options;
  }

  subscribe(listener: ChangeListener): () => void {
    this.#listeners.add(listener);
    clearTimeout(this.#lingering);
    if (this.#listening?.isLive) listener.live(SAFETY_POLL_MS);
    this.#listening ??= this.#listen();
    return () => {
      this.#listeners.delete(listener);
      if (this.#listeners.size > 0) return;
      clearTimeout(this.#lingering);
      this.#lingering = setTimeout(() => void this.#stop(), LINGER_MS);
      this.#lingering.unref();
    };
  }

  async close(): Promise<void> {
    this.#listeners.clear();
    clearTimeout(this.#lingering);
    await this.#stop();
  }

  #listen(): Listening {
    const each = (tell: (listener: ChangeListener) => void) => () => {
      for (const listener of this.#listeners) tell(listener);
    };
    return new Listening(this.#options, {
      live: each((listener) => listener.live(SAFETY_POLL_MS)),
      lost: each((listener) => listener.lost()),
      notified: (payload) => {
        const groups = groupsIn(payload);
        for (const listener of this.#listeners) listener.changed(groups);
      },
    });
  }

  async #stop(): Promise<void> {
    const listening = this.#listening;
    this.#listening = undefined;
    await listening?.stop();
  }
}
