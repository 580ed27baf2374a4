import type { Migration } from "../migrations.js";
import { applyFunction } from "./apply-function.js";
import { applyManyFunction } from "./apply-many-function.js";
import { applyOneFunction } from "./apply-one-function.js";
import { countFunction } from "./count-function.js";
import type { Names } from "./names.js";
import { tables as tables1 } from "./released/version-1/tables.js";
import { functions as functions2 } from "./released/version-2/functions.js";
import { functions as functions3 } from "./released/version-3/functions.js";
import { tables as tables3 } from "./released/version-3/tables.js";
import { functions as functions4 } from "./released/version-4/functions.js";
import { tables as tables4 } from "./released/version-4/tables.js";
import { scanFunction } from "./scan-function.js";
import { sessionScanFunction } from "./session-scan-function.js";
import { settleIdsFunction } from "./settle-ids-function.js";
import { sweepFunction } from "./sweep-function.js";
import { tables } from "./tables.js";

/**
 * The tables and functions of a store. A released migration never changes: a new version of a function gets a new number,
 * and the old version stays unchanged in `released/`.
 */
export function migrationsOf(n: Names): readonly Migration[] {
  return [
    { version: 1, name: "tables", sql: tables1(n) },
    { version: 2, name: "functions", sql: functions2(n) },
    { version: 3, name: "fences", sql: `${tables3(n)}\n${functions3(n)}\n${settleIds(n.settleIds1)}` },
    {
      version: 4,
      name: "compact-events",
      sql: `${tables4(n)}\n${functions4(n)}\n${settleIds(n.settleIds2)}`,
    },
    { version: 5, name: "steady-plans", sql: `${tables(n)}\n${functions(n)}\n${settleIds(n.settleIds)}` },
  ];
}

/** The sweep comes first, because others call it. */
function functions(n: Names): string {
  const writes = [sweepFunction, applyFunction, applyManyFunction, applyOneFunction, settleIdsFunction];
  const all = [...writes, scanFunction, countFunction, sessionScanFunction];
  return all.map((sql) => sql(n)).join("\n");
}

/** Data may have been restored without its sequence before the migration. */
function settleIds(name: string): string {
  return `SELECT ${name}();`;
}
