const TICK_MS = 10;
/** The most that counts between two ticks: what is beyond it, others had the machine. */
const MOST_MS = 2 * TICK_MS;

let ms = 0;
let last = performance.now();

function tick(): void {
  const now = performance.now();
  ms += Math.min(now - last, MOST_MS);
  last = now;
}

setInterval(tick, TICK_MS).unref();

/**
 * The milliseconds that this process could run, or wait with nobody in its way. For bounds on how long a call may take:
 * a busy machine makes a call longer by the clock, and hardly by this one; a call that waits too long shows in both.
 */
export function ownTime(): number {
  tick();
  return ms;
}
