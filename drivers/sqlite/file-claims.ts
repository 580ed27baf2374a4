import { realpathSync, statSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { processState } from "../../src/process/process-state.js";
import { setup } from "./errors.js";

/** A file that this process has open through one SQLite library, by each name it is known by here. */
export interface FileUse {
  readonly library: string;
  uses: number;
}

/**
 * Says that this process opens the file through this library (its path); to be undone when the last connection is
 * closed. UNAVAILABLE when another library has it open here: whenever one of them closes a connection, the system drops
 * the locks that the process holds on the file, those of the other included, and two processes could write at once
 * (https://sqlite.org/howtocorrupt.html, 2.2.1). Other threads of the application are not seen: one that opens the file
 * through the same copy does no harm, for the native library is loaded once per process and knows of all its connections,
 * whatever their threads; one with another copy does.
 */
export function claimFile(path: string, library: string): () => void {
  const held: FileUse[] = [];
  const release = () => {
    for (const use of held.splice(0)) use.uses--;
    for (const [name, { uses }] of processState.sqliteFiles)
      if (uses === 0) processState.sqliteFiles.delete(name);
  };
  for (const name of namesOf(path)) {
    const use = processState.sqliteFiles.get(name) ?? { library, uses: 0 };
    if (use.library !== library) {
      release();
      throw setup(
        `${path} is open in this process through another copy of better-sqlite3 (${use.library}; here it is ${library}), and each would drop the other's locks: install one copy (npm dedupe), or close the other store first`,
      );
    }
    processState.sqliteFiles.set(name, use);
    use.uses++;
    held.push(use);
  }
  return release;
}

/** Where it lies, also while nothing is there yet, and which file it is. */
function namesOf(path: string): readonly string[] {
  try {
    const names = [join(realpathSync(dirname(path)), basename(path))];
    const file = statSync(path, { bigint: true, throwIfNoEntry: false });
    return file === undefined ? names : [...names, `${file.dev}:${file.ino}`];
  } catch {
    // What is wrong with it, opening will say.
    return [path];
  }
}
