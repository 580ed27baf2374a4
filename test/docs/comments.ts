import { readdirSync, readFileSync } from "node:fs";
import { join, posix } from "node:path";
import { type Page, ROOT } from "./pages.js";

const FOLDERS = ["src", "drivers", "conformance"];

/** The doc comments of every source file, each as a page of its own: what is no comment is left out, its lines stay. */
export function commentPages(): Page[] {
  return FOLDERS.flatMap((folder) =>
    readdirSync(join(ROOT, folder), { recursive: true, encoding: "utf8" })
      .map((name) => posix.join(folder, name.replaceAll("\\", "/")))
      .filter((path) => path.endsWith(".ts"))
      .map((path) => ({ path, text: commentsOf(readFileSync(join(ROOT, path), "utf8")) })),
  );
}

/** The text of the doc comments of a source, in the lines that it stands in. */
export function commentsOf(source: string): string {
  let isInside = false;
  const lines = source.split("\n").map((line) => {
    const begins = /^\s*\/\*\*/.test(line);
    const isComment = isInside || begins;
    isInside = isComment && !line.includes("*/");
    return isComment ? line.replace(/^\s*(\/\*\*|\*\/|\*) ?/, "").replace(/\s*\*\/$/, "") : "";
  });
  return lines.join("\n");
}
