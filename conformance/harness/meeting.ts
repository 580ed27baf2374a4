/** Work that goes on in step: whoever arrives waits for all others, and for what is done once all are there. */
export class Meeting {
  readonly #size: number;
  readonly #act: () => Promise<void>;
  #left: number;
  #next: Promise<void>;
  #begin: () => void = () => {};

  constructor(size: number, act: () => Promise<void>) {
    this.#size = size;
    this.#act = act;
    this.#left = size;
    this.#next = this.#prepared();
  }

  /** Resolves when it is done. Rejects as it does. */
  arrive(): Promise<void> {
    const meeting = this.#next;
    if (--this.#left === 0) {
      const begin = this.#begin;
      this.#left = this.#size;
      this.#next = this.#prepared();
      begin();
    }
    return meeting;
  }

  #prepared(): Promise<void> {
    return new Promise<void>((resolve) => {
      this.#begin = resolve;
    }).then(this.#act);
  }
}
