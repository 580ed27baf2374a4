import type { RunOptions } from "./run-options.js";
import { suiteOf } from "./suite.js";

/** The rules of the contract, or with `typed` those of the typed layer, as a Markdown table, one row per case. */
export function rulesTable(options: Pick<RunOptions, "typed"> = {}): string {
  const rows = suiteOf(options.typed).map(({ id, rule }) => `| \`${id}\` | ${rule.replaceAll("|", "\\|")} |`);
  return ["| case | rule |", "|---|---|", ...rows].join("\n");
}
