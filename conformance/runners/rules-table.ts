import { cases } from "./suite.js";

/** The rules of the contract as a Markdown table, one row per case. */
export function rulesTable(): string {
  const rows = cases.map(({ id, rule }) => `| \`${id}\` | ${rule.replaceAll("|", "\\|")} |`);
  return ["| case | rule |", "|---|---|", ...rows].join("\n");
}
