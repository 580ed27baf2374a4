// Run after a build, it notes in dist which sources were built, so that tests can tell whether dist is what the sources say.
import { createHash } from "node:crypto";
import { existsSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const ROOT = fileURLToPath(new URL("..", import.meta.url));
const FOLDERS = ["src", "drivers", "conformance", "examples"];

/** Whether dist was built from the sources as they are now. */
export function isBuilt(root = ROOT) {
  const note = noteIn(root);
  return existsSync(note) && readFileSync(note, "utf8") === digest(root);
}

export function noteBuild(root = ROOT) {
  writeFileSync(noteIn(root), digest(root));
}

function noteIn(root) {
  return join(root, "dist/built-from");
}

function digest(root) {
  const hash = createHash("sha256");
  for (const folder of FOLDERS) {
    const paths = readdirSync(join(root, folder), { recursive: true, encoding: "utf8" });
    for (const path of paths.filter((name) => name.endsWith(".ts")).toSorted())
      hash.update(`\n${folder}/${path}\n`).update(readFileSync(join(root, folder, path)));
  }
  return hash.digest("hex");
}

if (process.argv[1] === fileURLToPath(import.meta.url)) noteBuild();
