/** An error may lead to a client, to its socket, and from there to everything. */
const MOST_OBJECTS = 10_000;

/** All text that can be reached from a value, an error's causes and hidden properties included; bytes as if they were text. */
export function textIn(value: unknown): string {
  const texts: string[] = [];
  collect(value, texts, new Set());
  return texts.join("\n");
}

function collect(value: unknown, texts: string[], seen: Set<unknown>): void {
  if (value instanceof Uint8Array) {
    texts.push(Buffer.from(value).toString());
  } else if (typeof value === "object" && value !== null) {
    if (seen.has(value) || seen.size >= MOST_OBJECTS) return;
    seen.add(value);
    if (value instanceof Map || value instanceof Set) collect([...value], texts, seen);
    for (const key of Reflect.ownKeys(value)) {
      texts.push(String(key));
      collect(Reflect.get(value, key), texts, seen);
    }
  } else {
    texts.push(String(value));
  }
}
