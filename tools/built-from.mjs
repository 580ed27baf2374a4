// Run after a build, it notes in dist which sources were built, so that tests can tell whether dist is what the sources say.
import { createHash } from "node:crypto";
import { existsSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";

const ROOT = fileURLToPath(new URL("..", import.meta.url));
const NOTE = `${ROOT}dist/built-from`;
const FOLDERS = ["src", "drivers", "conformance", "examples"];

/** Whether dist was built from the sources as they are now. */
export function isBuilt() {
  return existsSync(NOTE) && readFileSync(NOTE, "utf8") === digest();
}

function digest() {
  const hash = createHash("sha256");
  for (const folder of FOLDERS) {
    const paths = readdirSync(ROOT + folder, { recursive: true, encoding: "utf8" });
    for (const path of paths.filter((name) => name.endsWith(".ts")).toSorted())
      hash.update(`\n${folder}/${path}\n`).update(readFileSync(`${ROOT}${folder}/${path}`));
  }
  return hash.digest("hex");
}

if (process.argv[1] === fileURLToPath(import.meta.url)) writeFileSync(NOTE, digest());
