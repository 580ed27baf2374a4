import type { Harness, Need } from "./case.js";

/** Why what needs this cannot be asked of the harness, if so. `module` is where other processes import it from. */
export function unmetNeed(
  need: Need | undefined,
  { durable, exclusive, damage }: Harness,
  module: string | undefined,
): string | undefined {
  if (need === undefined) return undefined;
  if (need === "damage") return damage ? undefined : "the harness cannot damage a record";
  if (!durable) return "the harness is not durable";
  if (need === "durable") return undefined;
  if (need === "sharing" && exclusive) return "a space can be open in one process at a time";
  return module === undefined ? "other processes need the harness's module path" : undefined;
}
