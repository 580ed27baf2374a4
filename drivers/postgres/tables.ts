import type { Names } from "./names.js";

/**
 * The functions of the previous version know neither these tables nor each other's locks, so they are dropped. Every
 * statement of the previous version reads the table of fences: under its new name none finds it, not even a call that is
 * under way and has not read it yet. So a process of the previous version writes nothing more and is told that the schema
 * is too new.
 */
export function tables(n: Names): string {
  return `
LOCK TABLE ${n.event}, ${n.record}, ${n.erasure} IN ACCESS EXCLUSIVE MODE;
${[n.apply2, n.applyMany2, n.sweep1, n.scan2, n.settleIds1].map((name) => `DROP FUNCTION ${name};`).join("\n")}
ALTER TABLE ${n.erasure} RENAME TO ${unqualified(n.fence)};
ALTER INDEX ${n.schema}.${n.erasureTouched} RENAME TO ${n.fenceTouched};`;
}

/** The last part of a quoted name; such names hold no dots. */
function unqualified(name: string): string {
  return name.slice(name.indexOf(".") + 1);
}
