/** As `text LIKE pattern` in a database. */
export function like(text: string, pattern: string): boolean {
  const escaped = pattern.replaceAll(/[\\^$.*+?()[\]{}|]/g, "\\$&");
  return new RegExp(`^${escaped.replaceAll("%", ".*").replaceAll("_", ".")}$`, "su").test(text);
}
