import { readlinkSync, rmSync, symlinkSync } from "node:fs";

/** A link that names its owner from the moment it exists, so that the lock of one that was killed can be told. */
export class FileLock {
  readonly #path: string;

  constructor(path: string) {
    this.#path = path;
  }

  /** Whether it is this process's now. That of an owner who is gone is broken, for the next try. */
  tryTake(): boolean {
    if (linked(this.#path)) return true;
    if (this.isOwnerGone()) this.#break();
    return false;
  }

  release(): void {
    rmSync(this.#path, { force: true });
  }

  /** A killed child is only gone once its parent has taken note, which takes a turn of the parent's event loop. */
  protected isOwnerGone(): boolean {
    try {
      process.kill(Number(readlinkSync(this.#path)), 0);
      return false;
    } catch (error) {
      return hasCode(error, "ESRCH");
    }
  }

  /** One at a time, and after another look: a second breaker would break the lock of whoever came next. */
  #break(): void {
    const breaking = `${this.#path}.breaking`;
    if (!linked(breaking)) return;
    if (this.isOwnerGone()) this.release();
    rmSync(breaking, { force: true });
  }
}

export function hasCode(error: unknown, code: string): boolean {
  return (error as NodeJS.ErrnoException).code === code;
}

/** Makes a link that names this process, unless there is one. */
function linked(path: string): boolean {
  try {
    symlinkSync(String(process.pid), path);
    return true;
  } catch (error) {
    if (hasCode(error, "EEXIST")) return false;
    throw error;
  }
}
