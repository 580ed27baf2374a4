import type { Operation } from "../typed/operation.js";

/** Carries out an operation. If that fails, what was stored for it is removed. */
export async function orClear<R>(operation: Operation<R>, work: () => Promise<R>): Promise<R> {
  try {
    return await work();
  } catch (error) {
    await operation.clear?.();
    throw error;
  }
}
