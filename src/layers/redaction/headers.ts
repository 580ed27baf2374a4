import { isRandom, namedRule, rule } from "./rule.js";

/** What an Authorization header and a URL carry. */
export const HEADERS = [
  // RFC 6750. Behind the word alone, only what nobody writes in prose.
  namedRule(
    "bearer",
    {
      hints: ["uthorization", "UTHORIZATION"],
      pattern:
        /authorization[\\"' \t]{0,8}[:=,]>?[\\"'[ \t]{0,8}bearer[ \t]{1,8}(?<secret>[A-Za-z0-9._~+/-]{8,}={0,2})/gi,
      isSecret: (secret) => HAS_DIGIT.test(secret) && !isPlaceholder(secret),
    },
    {
      hints: ["earer ", "EARER "],
      pattern: /(?<![A-Za-z0-9])bearer[ \t]{1,8}(?<secret>[A-Za-z0-9._~+/-]{20,}={0,2})/gi,
      isSecret: isOpaque,
    },
  ),
  // RFC 7617: user and password in base64.
  namedRule("basic-auth", {
    hints: ["uthorization", "UTHORIZATION"],
    pattern:
      /authorization[\\"' \t]{0,8}[:=,]>?[\\"'[ \t]{0,8}basic[ \t]{1,8}(?<secret>[A-Za-z0-9+/]{6,}={0,2})/gi,
    isSecret: (secret) => /^[\x20-\x7e]*:[\x20-\x7e]+$/.test(Buffer.from(secret, "base64").toString()),
  }),
  namedRule("api-key-header", {
    hints: ["api-key", "Api-Key", "API-KEY", "API-Key", "auth-key", "Auth-Key", "AUTH-KEY"],
    pattern:
      /(?<![A-Za-z0-9])(?:x-(?:goog-)?api-key|api-key|x-auth-key)[\\"']{0,4}[ \t]{0,4}[:=,][\\"' \t]{0,8}(?<secret>[A-Za-z0-9._-]{16,})/gi,
    isSecret: isOpaque,
  }),
  // RFC 3986, 3.2.1. The password ends at the last @ before the path.
  rule("url-password", {
    pattern:
      /:(?:\\?\/){2}[^\s/?#:@"'<>\\]{0,256}:(?<secret>[^\s/?#"'<>\\]{1,512})(?=@(?!sha[0-9]{3}:)[^\s@/?#"'<>\\])/g,
    isSecret: (secret) => !isPlaceholder(secret),
  }),
];

/** What a template or a document has in place of the secret. */
const TEMPLATE =
  /^(?:\$(?:[A-Z_][A-Z0-9_]*$|[{(])|%(?:[a-z]$|[A-Z_]+%$)|[{[]|\*+$|\.+$|x{3,}$|X{3,}$|«redacted:)/;
const WORD = /^(?:(?:your|my|the|db)[-_]?)?(?:password|passwd|pwd)(?:[-_]?here)?$/i;
const YOURS = /^(?:your|my|insert|replace|example)[-_a-z]*$/i;

const CAPITALS = /^[A-Z_]{4,}$/;
const HAS_DIGIT = /[0-9]/;

/** Code says `headers.set("x-api-key", authHeader.value)`, and has no digits there. */
function isOpaque(secret: string): boolean {
  return HAS_DIGIT.test(secret) && isRandom(secret) && !isPlaceholder(secret);
}

function isPlaceholder(secret: string): boolean {
  return TEMPLATE.test(secret) || WORD.test(secret) || YOURS.test(secret) || CAPITALS.test(secret);
}
