import { readdirSync, readFileSync } from "node:fs";
import { dirname, join, posix } from "node:path";
import { fileURLToPath } from "node:url";

export const ROOT = fileURLToPath(new URL("../..", import.meta.url));

/** A page of the documents. */
export interface Page {
  /** From the root of the repository, with slashes: `docs/sessions.md`. */
  readonly path: string;
  readonly text: string;
}

/** History, decisions and evidence quote code as it was, so their samples are not checked. */
const RECORDS = ["CHANGELOG.md", "DECISIONS.md", "RELIABILITY.md"];

/** Every page whose samples are checked: those of the root, and all of docs. `docs/api` is generated. */
export function readPages(): Page[] {
  return allPages().filter(({ path }) => !RECORDS.includes(path));
}

/** Every page of the root and of docs. */
export function allPages(): Page[] {
  const paths = [...pagesIn(""), ...pagesIn("docs", true)];
  return paths.map((path) => ({ path, text: readFileSync(join(ROOT, path), "utf8") }));
}

function pagesIn(folder: string, isDeep = false): string[] {
  return readdirSync(join(ROOT, folder), { recursive: isDeep, encoding: "utf8" })
    .map((name) => posix.join(folder, name.replaceAll("\\", "/")))
    .filter((path) => path.endsWith(".md") && !dirname(path).startsWith("docs/api"))
    .sort();
}
