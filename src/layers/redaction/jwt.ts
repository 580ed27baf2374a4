import { dashedToken, rule } from "./rule.js";

/** JSON web tokens, signed (RFC 7515) or encrypted (RFC 7516): three or five parts, of which the first is a header. */
export const JWT = rule("jwt", {
  hints: ["eyJ"],
  pattern: dashedToken(
    "eyJ[A-Za-z0-9_-]{8,}\\.[A-Za-z0-9_-]*\\.[A-Za-z0-9_-]{16,}(?:\\.[A-Za-z0-9_-]+\\.[A-Za-z0-9_-]+)?",
  ),
  isSecret: hasHeader,
});

/** A header names its algorithm. It is short: a long first part is something else. */
const LONGEST_HEADER = 16_384;

function hasHeader(secret: string): boolean {
  const first = secret.slice(0, secret.indexOf("."));
  if (first.length > LONGEST_HEADER) return false;
  try {
    const header: unknown = JSON.parse(Buffer.from(first, "base64url").toString());
    return typeof (header as { alg?: unknown } | null)?.alg === "string";
  } catch {
    return false;
  }
}
