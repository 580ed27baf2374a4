import { readdirSync, readFileSync } from "node:fs";

/** As Linux shows times in /proc, on every platform that Node runs on. */
const TICK_US = 10_000;

/**
 * The CPU time of a process and all its children so far, in microseconds, finished children included; `undefined` where
 * Linux's /proc is not there. Each process must have one thread, as those of Postgres have.
 * https://docs.kernel.org/filesystems/proc.html
 */
export function familyCpu(parent: number): number | undefined {
  try {
    // The finished first: one that ends between the two readings is missed, and not counted twice.
    const { finishedChildren } = statOf(parent);
    const living = childrenOf(parent).reduce((sum, child) => sum + ownCpu(child), ownCpu(parent));
    return finishedChildren + living;
  } catch {
    return undefined;
  }
}

/** The CPU time of the finished children of this process, in microseconds. */
export function childrenCpu(): number {
  try {
    return statOf(process.pid).finishedChildren;
  } catch {
    return Number.NaN;
  }
}

/** The parent of a process whose title has this text; `undefined` if there is no such process here. */
export function parentOf(pid: number, title: string): number | undefined {
  try {
    if (!readFileSync(`/proc/${pid}/cmdline`, "utf8").includes(title)) return undefined;
    return statOf(pid).parent;
  } catch {
    return undefined;
  }
}

/** Of its main thread, to the nanosecond. One that has ended meanwhile is among the finished ones next time. */
function ownCpu(pid: number): number {
  try {
    return Number(readFileSync(`/proc/${pid}/schedstat`, "utf8").split(" ")[0]) / 1_000;
  } catch {
    return 0;
  }
}

function childrenOf(parent: number): number[] {
  const pids = readdirSync("/proc").map(Number).filter(Number.isInteger);
  return pids.filter((pid) => {
    try {
      return statOf(pid).parent === parent;
    } catch {
      return false;
    }
  });
}

function statOf(pid: number): { readonly parent: number; readonly finishedChildren: number } {
  const text = readFileSync(`/proc/${pid}/stat`, "utf8");
  // The name, in parentheses, may hold anything; the fields after it begin with the third.
  const fields = text.slice(text.lastIndexOf(")") + 2).split(" ");
  const field = (number: number): number => Number(fields[number - 3]);
  return { parent: field(4), finishedChildren: (field(16) + field(17)) * TICK_US };
}
