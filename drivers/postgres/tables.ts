import type { Names } from "./names.js";

/**
 * New functions alone, as the tables stay. Their table of fences gets a new name: every statement of the previous version
 * reads it, and none finds it any more, not even a call that is under way. So a process of the previous version writes
 * nothing more and is told that the schema is too new.
 */
export function tables(n: Names): string {
  const old = [
    n.apply3,
    n.applyMany3,
    n.applyOne1,
    n.sweep2,
    n.scan3,
    n.count1,
    n.scanSessions1,
    n.settleIds2,
  ];
  return `
LOCK TABLE ${n.event}, ${n.record}, ${n.fence1} IN ACCESS EXCLUSIVE MODE;
${old.map((name) => `DROP FUNCTION ${name};`).join("\n")}
ALTER TABLE ${n.fence1} RENAME TO ${n.fence.slice(n.fence.indexOf(".") + 1)};`;
}
