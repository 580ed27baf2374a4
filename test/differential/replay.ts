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
  const [seed, path] = process.env.GROUNDSTATE_REPLAY?.split(/:(.*)/s) ?? [];
  const replay = { ...(seed ? { seed: Number(seed) } : {}), ...(path ? { path, endOnFailure: true } : {}) };
  const result = await fc.check(property, { numRuns: soak(numRuns), ...parameters, ...replay });
  if (!result.failed) return;
  const hint = `GROUNDSTATE_REPLAY=${result.seed}:${result.counterexamplePath}`;
  const report = [
    fc.defaultReportMessage(result),
    String(result.errorInstance),
    `To run this case alone: ${hint}`,
  ];
  throw new Error(report.join("\n\n"), { cause: result.errorInstance });
}
