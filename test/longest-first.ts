import { existsSync } from "node:fs";
import { relative } from "node:path";
import { fileURLToPath } from "node:url";
import { BaseSequencer, type TestSpecification } from "vitest/node";

/**
 * The files that take longest, so that none of them is begun last and runs on alone. All others follow in Vitest's order,
 * those that share modules last: a worker keeps its modules only while the next file shares them too.
 */
const LONGEST = [
  "examples/level-driver",
  "conformance/runtimes",
  "conformance/mutants",
  "conformance/beside",
  "conformance/postgres",
  "conformance/sqlite",
  "conformance/sqlite-inline",
  "conformance/memory",
  "conformance/reference",
  "differential/stores",
  "fuzz/rows",
  "drivers/postgres-open",
  "races/postgres",
  "crash/sqlite-kill",
  "sessions/processes",
  "conformance/process-mutants",
  "drivers/postgres-failover",
  "drivers/postgres-deadline",
  "isolation/crossed-names",
  "quickstart",
  "typed/transact-lost-answers",
  "crash/postgres-restarts",
  "crash/postgres-controls",
  "crash/sqlite-power-cut",
  "docs/writing-a-driver",
  "fuzz/files",
  "package/package",
  "crash/postgres-lines",
  "postgres/server",
  "approvals/processes",
  "races/sqlite",
  "drivers/postgres-plans",
  "drivers/postgres-locked",
  "conformance/node-test",
].map((name) => `test/${name}.test.ts`);

const ROOT = fileURLToPath(new URL("..", import.meta.url));

export class LongestFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const missing = LONGEST.filter((path) => !existsSync(`${ROOT}${path}`));
    if (missing.length > 0) throw new Error(`longest-first.ts names files that are gone: ${missing}`);
    const place = ({ moduleId, project }: TestSpecification): number => {
      const index = LONGEST.indexOf(relative(ROOT, moduleId).replaceAll("\\", "/"));
      if (index >= 0) return index;
      return project.config.isolate ? LONGEST.length : LONGEST.length + 1;
    };
    return (await super.sort(files)).toSorted((a, b) => place(a) - place(b));
  }
}
