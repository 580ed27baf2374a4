import { rmSync, writeFileSync } from "node:fs";

/**
 * @typedef {object} FullTimes When the disk is full: from so many answers on, with so many bytes left, for so many
 *   failures.
 * @property {string} flag what `test/preload/io-record.c` looks at
 * @property {{ answers: number, room: number, failures: number }[]} times
 */

/** Fills the disk at the times it is given, one after the other. */
export class DiskFilling {
  #flag;
  #times;
  #answers = 0;
  #failures = 0;
  #isFull = false;

  /** @param {FullTimes} times */
  constructor({ flag, times }) {
    this.#flag = flag;
    this.#times = [...times];
    this.#fill();
  }

  answered() {
    this.#answers++;
    this.#fill();
  }

  failed() {
    if (!this.#isFull || ++this.#failures < this.#times[0].failures) return;
    rmSync(this.#flag);
    this.#times.shift();
    this.#failures = 0;
    this.#isFull = false;
  }

  #fill() {
    const [time] = this.#times;
    if (this.#isFull || time === undefined || this.#answers < time.answers) return;
    writeFileSync(this.#flag, String(time.room));
    this.#isFull = true;
  }
}
