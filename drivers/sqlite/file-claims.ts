import { realpathSync, statSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { processState } from "../../src/process/process-state.js";
import { setupError } from "./errors.js";

/** A file that this process has open through one SQLite library. */
export interface FileUse {
  readonly library: string;
  uses: number;
}

/**
 * Records that this process opens the file through this library (a path). Call the returned function when the last
 * connection is closed.
 *
 * UNAVAILABLE when another library has the file open in this process: when one library closes a connection, the system
 * drops every lock that the process holds on the file, including the other library's, and two processes could write at
 * once (https://sqlite.org/howtocorrupt.html, 2.2.1). Claims of other threads are not seen. A thread that uses the same
 * copy is safe, because the native library is loaded once per process and knows all its connections; a thread with another
 * copy is not.
 */
export function claimFile(path: string, library: string): () => void {
  const claimed: FileUse[] = [];
  const release = () => {
    for (const use of claimed.splice(0)) use.uses--;
    for (const [name, { uses }] of processState.sqliteFiles)
      if (uses === 0) processState.sqliteFiles.delete(name);
  };
  for (const name of namesOf(path)) {
    const use = processState.sqliteFiles.get(name) ?? { library, uses: 0 };
    if (use.library !== library) {
      release();
      throw setupError(
        `${path} is open in this process through another copy of better-sqlite3 (${use.library}; here it is ${library}), and each would drop the other's locks: install one copy (npm dedupe), or close the other store first`,
      );
    }
    processState.sqliteFiles.set(name, use);
    use.uses++;
    claimed.push(use);
  }
  return release;
}

/** The real path, which exists before the file does, and the file's device and inode. */
function namesOf(path: string): readonly string[] {
  try {
    const names = [join(realpathSync(dirname(path)), basename(path))];
    const file = statSync(path, { bigint: true, throwIfNoEntry: false });
    return file === undefined ? names : [...names, `${file.dev}:${file.ino}`];
  } catch {
    // Opening the file reports what is wrong with the path.
    return [path];
  }
}
