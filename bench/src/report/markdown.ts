export type Cell = string | number;

/** A table; columns of numbers to the right. */
export function table(head: readonly string[], rows: readonly (readonly Cell[])[]): string {
  const isNumeric = (column: number): boolean => rows.every((row) => isFigure(row[column]));
  const rule = head.map((_, column) => (isNumeric(column) ? "---:" : "---"));
  return [head, rule, ...rows].map((row) => `| ${row.map(escaped).join(" | ")} |`).join("\n");
}

function isFigure(cell: Cell | undefined): boolean {
  return (
    typeof cell === "number" || cell === NONE || cell === FAILED || /^\d[\d.,]*(?: – |$)/.test(cell ?? "")
  );
}

function escaped(cell: Cell): string {
  return String(cell).replaceAll("|", "\\|").replaceAll("\n", " ");
}

/** What stands where there is nothing to show. */
export const NONE = "–";
export const FAILED = "failed";

/** Three digits and more: `0.0123`, `1.23`, `12.3`, `123`, `12,345`. */
export function figure(value: number | undefined): string {
  if (value === undefined || !Number.isFinite(value)) return NONE;
  if (Math.abs(value) >= 100) return Math.round(value).toLocaleString("en-US");
  return value === 0 ? "0" : value.toPrecision(3);
}

export function mebibytes(bytes: number | undefined): string {
  return bytes === undefined ? NONE : figure(bytes / 1024 / 1024);
}
