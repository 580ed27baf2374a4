/** A timer of Node's own has a property that those of no fake have; other runtimes are asked nothing. */
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

/** Which of those that everybody looks up on `globalThis` are fakes now. */
export function fakedTimers(): readonly string[] {
  const { setTimeout, clearTimeout, setImmediate, clearImmediate } = globalThis;
  return [
    ...(isFake(setTimeout, clearTimeout, "_idleTimeout") ? ["setTimeout"] : []),
    ...(isFake(setImmediate, clearImmediate, "_onImmediate") ? ["setImmediate"] : []),
  ];
}

/** Sets one of each on `globalThis`; the function it gives back clears them, and says whether somebody has run both. */
export function setOnGlobal(): () => boolean {
  // Cleared by those who made them: Node loses count of its turns when it is to clear a turn of a fake.
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
