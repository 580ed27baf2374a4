import type { Names } from "../../names.js";
import { applyFunction } from "./apply-function.js";
import { applyManyFunction } from "./apply-many-function.js";
import { applyOneFunction } from "./apply-one-function.js";
import { countFunction } from "./count-function.js";
import { scanFunction } from "./scan-function.js";
import { sessionScanFunction } from "./session-scan-function.js";
import { settleIdsFunction } from "./settle-ids-function.js";
import { sweepFunction } from "./sweep-function.js";

/** The functions of this version. */
export function functions(n: Names): string {
  const writes = [sweepFunction, applyFunction, applyManyFunction, applyOneFunction, settleIdsFunction];
  const all = [...writes, scanFunction, countFunction, sessionScanFunction];
  return all.map((sql) => sql(n)).join("\n");
}
