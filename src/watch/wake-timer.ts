import { clearTimeout, monotonicMs, setTimeout, type Timer } from "../timing/real-timers.js";

/** One timer that is set anew as often as its time changes. It keeps the process alive only while asked to. */
export class WakeTimer {
  readonly #act: () => void;
  #timer: Timer | undefined;
  #at = Number.POSITIVE_INFINITY;
  #keepsAlive = false;

  constructor(act: () => void) {
    this.#act = act;
  }

  /** Sets the time, by `monotonicMs`; infinite for never. */
  set(at: number): void {
    if (at !== this.#at) this.#restart(at);
  }

  keepAlive(wanted: boolean): void {
    if (wanted === this.#keepsAlive) return;
    this.#keepsAlive = wanted;
    if (!wanted) this.#timer?.unref();
    // A timer made of a socket cannot be referenced again.
    else if (this.#timer !== undefined) this.#restart(this.#at);
  }

  #restart(at: number): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#at = at;
    if (at === Number.POSITIVE_INFINITY) return;
    const fire = () => {
      this.#timer = undefined;
      this.#at = Number.POSITIVE_INFINITY;
      this.#act();
    };
    this.#timer = setTimeout(fire, Math.max(1, Math.ceil(at - monotonicMs())));
    if (!this.#keepsAlive) this.#timer.unref();
  }
}
