/** Whether a timer function is a test runner's fake: Node's own timers have the property `own`, fakes do not. Checked on Node only. */
export function isFake<T>(
  set: (act: () => void, ms: number) => T,
  clear: (timer: T) => void,
  own: string,
): boolean {
  if ("clock" in set) return true;
  if ("bun" in process.versions || "deno" in process.versions) return false;
  const timer = set(() => {}, 1);
  clear(timer);
  return !(own in (timer as object));
}

/** The timer functions of `globalThis` that are fakes now. */
export function fakedTimers(): readonly string[] {
  const { setTimeout, clearTimeout, setImmediate, clearImmediate } = globalThis;
  return [
    ...(isFake(setTimeout, clearTimeout, "_idleTimeout") ? ["setTimeout"] : []),
    ...(isFake(setImmediate, clearImmediate, "_onImmediate") ? ["setImmediate"] : []),
  ];
}

/** Sets a timeout and an immediate on `globalThis`. The returned function clears them, and says whether both have run. */
export function setOnGlobal(): () => boolean {
  // Cleared by the functions of the same origin: Node miscounts its immediates when it clears one of a fake.
  const { setTimeout, clearTimeout, setImmediate, clearImmediate } = globalThis;
  let run = 0;
  const count = () => void run++;
  const timer = setTimeout(count, 0);
  const turn = setImmediate(count);
  return () => {
    clearTimeout(timer);
    clearImmediate(turn);
    return run === 2;
  };
}
