import { contractSentences, type Sentences } from "../contract/index.js";
import { mutants } from "../mutants/index.js";

/** The sentences of the contract as Markdown: which cases show each of them, and how many mutants these catch. */
export function contractTable(): string {
  const parts = Object.entries(contractSentences).map(
    ([about, sentences]) => `## ${about}\n\n${tableOf(sentences)}`,
  );
  return parts.join("\n\n");
}

function tableOf(sentences: Sentences): string {
  const rows = Object.entries(sentences).flatMap(([declaration, each]) =>
    Object.entries(each).map(([sentence, shown]) => {
      const isCases = typeof shown !== "string";
      const by = isCases ? shown.map((id) => `\`${id}\``).join(", ") : `none: ${shown}`;
      return row(`\`${declaration}\``, sentence, by, isCases ? String(mutantsOf(shown)) : "");
    }),
  );
  return ["| of | sentence | cases | mutants |", "|---|---|---|---|", ...rows].join("\n");
}

function mutantsOf(cases: readonly string[]): number {
  return mutants.filter(({ breaks }) => cases.includes(breaks)).length;
}

function row(...cells: readonly string[]): string {
  return `| ${cells.map((cell) => cell.replaceAll("|", "\\|")).join(" | ")} |`;
}
