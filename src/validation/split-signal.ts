import type { CallOptions } from "../contract/store.js";
import { readOptions, readSignal } from "./validate.js";

/** Reads the options of a call: its signal, and the rest, which has no fields but these. */
export function splitSignal(
  options: object | undefined,
  known: readonly string[],
): { readonly signal: AbortSignal | undefined; readonly rest: object } {
  const { signal: _, ...rest } = { ...readOptions(options, ["signal", ...known]) } as CallOptions;
  return { signal: readSignal(options ?? {}), rest };
}
