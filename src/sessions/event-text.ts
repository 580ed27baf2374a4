/** Deeper parts of a value are not looked at. */
const MAX_DEPTH = 8;
/** Where the shapes of messages that are in use have their text. */
const FIELDS = ["content", "text", "parts"];

/** The text of a value that has one of the usual shapes: a string, its `content`, `text` or `parts`, or an array of those. */
export function usualText(value: unknown): string {
  const found: string[] = [];
  collect(value, found, 0);
  return found.join("\n");
}

/** The title in metadata: its `title` or its `name`. */
export function usualTitle(metadata: unknown): string {
  const { title, name } = { ...(metadata as { readonly title?: unknown; readonly name?: unknown }) };
  if (typeof title === "string") return title;
  return typeof name === "string" ? name : "";
}

function collect(value: unknown, found: string[], depth: number): void {
  if (typeof value === "string") found.push(value);
  if (typeof value !== "object" || value === null || depth === MAX_DEPTH) return;
  const parts = Array.isArray(value)
    ? value
    : FIELDS.filter((field) => Object.hasOwn(value, field)).map(
        (field) => value[field as keyof typeof value],
      );
  for (const part of parts) collect(part, found, depth + 1);
}
