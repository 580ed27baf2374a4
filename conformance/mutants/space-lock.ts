import { StateError } from "../../src/index.js";
import type { FileLock } from "./file-lock.js";

/** As a storage does that locks its folder: the first store of a process takes the lock, the others share it. */
export class SpaceLock {
  readonly #lock: FileLock;
  #holders = 0;

  constructor(lock: FileLock) {
    this.#lock = lock;
  }

  /** Throws where another process has the space open. */
  hold(): void {
    // Twice, for the first try may have had to break the lock of a process that was killed.
    if (this.#holders === 0 && !this.#lock.tryTake() && !this.#lock.tryTake()) {
      throw new StateError("UNAVAILABLE", "another process has this space open", {
        details: { reason: "busy" },
      });
    }
    this.#holders++;
  }

  letGo(): void {
    if (--this.#holders === 0) this.#lock.release();
  }
}
