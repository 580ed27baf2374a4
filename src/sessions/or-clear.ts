/** What may have stored something before its commit. */
export interface Clearable {
  /** Removes it, unless it is in use. */
  clear?(): Promise<void>;
}

/** Carries out what was prepared. If that fails, what was stored for it is removed. */
export async function orClear<R>(prepared: Clearable, work: () => Promise<R>): Promise<R> {
  try {
    return await work();
  } catch (error) {
    await prepared.clear?.();
    throw error;
  }
}
