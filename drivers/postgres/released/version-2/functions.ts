import type { Names } from "../../names.js";
import { applyFunction } from "./apply-function.js";
import { applyManyFunction } from "./apply-many-function.js";
import { eraseFunction } from "./erase-function.js";
import { scanFunction } from "./scan-function.js";

/** The functions of this version. */
export function functions(n: Names): string {
  return [applyFunction, applyManyFunction, eraseFunction, scanFunction].map((sql) => sql(n)).join("\n");
}
