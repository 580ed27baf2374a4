import { homedir, tmpdir } from "node:os";
import { fileURLToPath } from "node:url";

const ROOT = fileURLToPath(new URL("../../..", import.meta.url)).replace(/[\\/]$/, "");

/** A text without addresses and without names of folders of this machine, which error messages may hold. */
export function withoutPlaces(text: string): string {
  const places = [ROOT, process.env.GROUNDSTATE_BENCH_DATA ?? "", tmpdir(), homedir()];
  const known = places.filter((place) => place.length > 1);
  const bare = known.reduce((rest, place) => rest.replaceAll(place, "…"), text);
  return bare.replace(/\b(?:https?|postgres(?:ql)?|file):\/\/[^\s)"'`|]+/g, "…");
}
