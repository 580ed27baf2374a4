/** The actions that run when a signal aborts, behind one listener. */
class AbortActions {
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
      if (actionsOf.get(this.#signal) === this) actionsOf.delete(this.#signal);
    };
  }

  readonly #run = () => {
    for (const act of this.#acts) act();
  };
}

const actionsOf = new WeakMap<AbortSignal, AbortActions>();

/**
 * Runs `act` when the signal aborts; the returned function cancels this. All calls that share a signal share one listener:
 * Node warns of a leak at the eleventh listener, and searches through all of them to add or remove one.
 */
export function onAbort(signal: AbortSignal, act: () => void): () => void {
  const actions = actionsOf.get(signal) ?? new AbortActions(signal);
  actionsOf.set(signal, actions);
  return actions.add(act);
}
