import { readFileSync } from "node:fs";
import { setupError } from "./errors.js";

const MOUNTS = "/proc/self/mountinfo";

/**
 * UNAVAILABLE when the file alone is mounted, as `docker run -v ./state.db:/app/state.db` does it: the log would lie in
 * the container's own folder and go with the container, acknowledged writes with it, and two containers would each
 * have one. Seen on Linux only. Takes the real path.
 */
export function refuseMountedFile(path: string): void {
  if (!mountPoints().includes(path)) return;
  throw setupError(
    `${path} is mounted as a single file, without its folder, where SQLite keeps the log: mount the folder (docker run -v ./data:/data), and open the file in there`,
  );
}

function mountPoints(): readonly string[] {
  if (process.platform !== "linux") return [];
  let table: string;
  try {
    table = readFileSync(MOUNTS, "utf8");
  } catch {
    return [];
  }
  return table.split("\n").map((line) => unescaped(line.split(" ")[4] ?? ""));
}

/** The kernel writes blanks and backslashes of a path as octal numbers. */
function unescaped(field: string): string {
  return field.replace(/\\([0-7]{3})/g, (_, octal) => String.fromCharCode(Number.parseInt(octal, 8)));
}
