import { invalid } from "../../contract/errors.js";
import { readObject } from "../../validation/validate.js";
import type { UserData } from "./user-data.js";

/** Reads the sorts of data that a caller adds to those that take part anyway. INVALID_RECORD, also for a name that is taken. */
export function readUserData(
  data: readonly UserData[] | undefined,
  own: Iterable<string>,
): readonly UserData[] {
  if (data === undefined) return [];
  if (!Array.isArray(data)) throw invalid("data", "an array");
  const names = new Set(own);
  for (const each of data) {
    const { name } = readObject(each, "data") as Partial<UserData>;
    if (typeof name !== "string" || name === "" || names.has(name))
      throw invalid("data", "sorts of data with names of their own");
    names.add(name);
  }
  return data;
}
