import fc from "fast-check";
import { soak } from "../soak.js";

/**
 * Runs a property, more often in a soak; when it fails, the error says how to run the failing case alone: GROUNDSTATE_REPLAY holds the seed
 * and, after a colon, the path. A seed alone runs all of that run's cases again.
 */
export async function assertProperty<T>(
  property: fc.IAsyncProperty<T>,
  numRuns: number,
  parameters: fc.Parameters<T> = {},
): Promise<void> {
  const result = await checkProperty(property, soak(numRuns), parameters);
  if (!result.failed) return;
  const report = [fc.defaultReportMessage(result), String(result.errorInstance), replayHint(result)];
  throw new Error(report.join("\n\n"), { cause: result.errorInstance });
}

/** Runs a property, or only what GROUNDSTATE_REPLAY says. */
export async function checkProperty<T>(
  property: fc.IAsyncProperty<T>,
  numRuns: number,
  parameters: fc.Parameters<T> = {},
): Promise<fc.RunDetails<T>> {
  const [seed, path] = process.env.GROUNDSTATE_REPLAY?.split(/:(.*)/s) ?? [];
  const replay = { ...(seed ? { seed: Number(seed) } : {}), ...(path ? { path, endOnFailure: true } : {}) };
  return fc.check(property, { numRuns, ...parameters, ...replay });
}

export function replayHint({
  seed,
  counterexamplePath,
}: Pick<fc.RunDetails<unknown>, "seed" | "counterexamplePath">) {
  return `To run this case alone: GROUNDSTATE_REPLAY=${seed}:${counterexamplePath}`;
}
