import stringWidth from "string-width";

export interface Column {
  readonly head: string;
  readonly align?: "right";
  /** Takes what room is left; its texts are cut. One column does. */
  readonly flexible?: boolean;
}

const GAP = "  ";
const ELLIPSIS = "…";
const graphemes = new Intl.Segmenter();

/** Lines of a table no wider than `width` columns of a terminal: the heads, a rule, the rows. */
export function table(columns: readonly Column[], rows: readonly string[][], width: number): string[] {
  const lines = [columns.map((column) => column.head), ...rows.map((row) => row.map(printable))];
  const widths = columns.map((_, index) => Math.max(...lines.map((line) => stringWidth(line[index] ?? ""))));
  const flexible = columns.findIndex((column) => column.flexible);
  const others = widths.reduce((sum, each, index) => (index === flexible ? sum : sum + each + GAP.length), 0);
  if (flexible >= 0) widths[flexible] = Math.max(8, Math.min(widths[flexible] ?? 0, width - others));

  const line = (cells: readonly string[]): string =>
    columns
      .map((column, index) => inWidth(cells[index] ?? "", widths[index] ?? 0, column.align))
      .join(GAP)
      .trimEnd();
  const [heads = [], ...body] = lines;
  return [line(heads), widths.map((each) => "─".repeat(each)).join(GAP), ...body.map(line)];
}

/**
 * Text from outside as one line that cannot command a terminal: control characters, escape sequences among them, and
 * those that turn the direction of writing become blanks.
 */
export function printable(text: string): string {
  return text
    .toWellFormed()
    .replace(/[\p{Cc}\p{Bidi_Control}\p{Zl}\p{Zp}\s]+/gu, " ")
    .trim();
}

/** Pads or cuts to a width in columns, between characters as a reader sees them. */
function inWidth(text: string, width: number, align?: "right"): string {
  const cut = stringWidth(text) <= width ? text : `${head(text, width - 1)}${ELLIPSIS}`;
  const blanks = " ".repeat(width - stringWidth(cut));
  return align === "right" ? blanks + cut : cut + blanks;
}

function head(text: string, width: number): string {
  let result = "";
  let used = 0;
  for (const { segment } of graphemes.segment(text)) {
    used += stringWidth(segment);
    if (used > width) break;
    result += segment;
  }
  return result;
}
