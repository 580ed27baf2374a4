/** The beginning of a text, up to so many bytes of UTF-8; cut between characters. Empty for what is no text. */
export function previewOf(start: Uint8Array, mostBytes: number): string {
  const bytes = start.subarray(0, mostBytes);
  if (bytes.includes(0)) return "";
  try {
    // What is left of a character at the end is not an error.
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes, { stream: true });
  } catch {
    return "";
  }
}
