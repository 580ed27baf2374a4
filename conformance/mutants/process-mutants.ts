import { fileHarness } from "./file-harness.js";
import type { Mutant } from "./mutant.js";

/** Drivers that are wrong in what only another process, or a kill, can show. */
export const processMutants: readonly Mutant[] = [
  overFiles("acknowledges-before-it-writes", "processes/kill"),
  overFiles("stays-locked-after-a-kill", "processes/kill", { exclusive: true }),
  overFiles("remembers-in-its-own-process", "processes/retry-elsewhere"),
  overFiles("locks-nothing", "processes/compare-and-swap"),
  overFiles("erases-one-by-one", "processes/erase-beside-commits"),
  overFiles("judges-before-it-locks", "processes/conditions-hold"),
  overFiles("counts-changes-of-its-own-process", "watch/other-processes"),
];

/** What these mutants are made from, and the same with spaces that one process at a time can have open. */
export const fileReference: Mutant = overFiles("none", "");
/** A correct store over files that one process at a time can have open: for what such a harness skips. */
export const exclusiveReference: Mutant = overFiles("none", "", { exclusive: true });

function overFiles(id: string, breaks: string, options: { exclusive?: boolean } = {}): Mutant {
  const module = new URL("./file-harness.js", import.meta.url);
  module.searchParams.set("flaw", id);
  if (options.exclusive) module.searchParams.set("exclusive", "");
  return { id, breaks, harness: fileHarness(id, options), modulePath: module.href };
}
