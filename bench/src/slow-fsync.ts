import { chmodSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { findProgram, runProgram } from "./run-program.js";
import type { Context } from "./section.js";

const SOURCE = fileURLToPath(new URL("../slow-fsync.c", import.meta.url));

/** The environment of a process whose every fsync takes so many milliseconds longer. */
export type SlowFsync = (delayMs: number) => Readonly<Record<string, string>>;

/** `undefined` where that cannot be had, which is noted as skipped. */
export async function slowFsync(
  { findings, folder }: Context,
  section: string,
): Promise<SlowFsync | undefined> {
  const compiler = findProgram(["cc", "gcc", "clang"]);
  if (process.platform !== "linux" || compiler === undefined) {
    const why = compiler === undefined ? "there is no C compiler" : "it needs Linux";
    findings.skipped.push({ what: section, why });
    return undefined;
  }
  const place = folder(`${section}-library`);
  const library = join(place, "slow-fsync.so");
  await runProgram(compiler, ["-shared", "-fPIC", "-O2", "-o", library, SOURCE, "-ldl"]);
  // A server may run as another user.
  for (const way of [place, dirname(place)]) chmodSync(way, 0o711);
  return (delayMs) => ({ LD_PRELOAD: library, SLOW_FSYNC_US: String(delayMs * 1_000) });
}
