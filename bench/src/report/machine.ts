import { readFileSync } from "node:fs";
import { cpus, release, totalmem, type } from "node:os";
import { mebibytes } from "./markdown.js";

/** The machine, without its name. */
export function machine(dataFolder: string): [string, string][] {
  const [first] = cpus();
  return [
    ["processor", `${first?.model.trim() ?? "unknown"}, ${cpus().length} cores`],
    ["memory", `${mebibytes(totalmem())} MiB`],
    ["operating system", `${type()} ${release()}, ${process.arch}`],
    ["file system of the data", fileSystemOf(dataFolder) ?? "unknown"],
  ];
}

/** The type of the file system that is mounted nearest above a folder, on Linux. */
function fileSystemOf(folder: string): string | undefined {
  try {
    const mounts = readFileSync("/proc/mounts", "utf8")
      .split("\n")
      .map((line) => line.split(" "));
    const above = mounts.filter(([, at = ""]) => at === "/" || `${folder}/`.startsWith(`${at}/`));
    return above.sort(([, a = ""], [, b = ""]) => a.length - b.length).at(-1)?.[2];
  } catch {
    return undefined;
  }
}
