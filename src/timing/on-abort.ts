/** What is to happen when a signal aborts, behind one listener. */
class Watch {
  readonly #signal: AbortSignal;
  readonly #acts = new Set<() => void>();

  constructor(signal: AbortSignal) {
    this.#signal = signal;
    signal.addEventListener("abort", this.#run);
  }

  add(act: () => void): () => void {
    this.#acts.add(act);
    return () => {
      this.#acts.delete(act);
      if (this.#acts.size > 0) return;
      this.#signal.removeEventListener("abort", this.#run);
      if (watches.get(this.#signal) === this) watches.delete(this.#signal);
    };
  }

  readonly #run = () => {
    for (const act of this.#acts) act();
  };
}

const watches = new WeakMap<AbortSignal, Watch>();

/**
 * Runs `act` when the signal aborts, unless the function it returns is called before. One listener serves all calls
 * that share a signal: Node takes an eleventh for a leak, and goes through all of them to add or remove one.
 */
export function onAbort(signal: AbortSignal, act: () => void): () => void {
  const watch = watches.get(signal) ?? new Watch(signal);
  watches.set(signal, watch);
  return watch.add(act);
}
