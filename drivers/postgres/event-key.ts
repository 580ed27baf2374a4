/** The characters of a ULID. https://github.com/ulid/spec */
const CROCKFORD = Buffer.from("0123456789ABCDEFGHJKMNPQRSTVWXYZ").toString("hex");

/**
 * The expression for an event id as the memory of events stores it. 26 characters of a ULID take 20 bytes, as base64: the
 * server decodes that many times as fast as it could make 16 bytes of it, and as rows are rounded to 8 bytes they are hardly
 * longer. Any other id is its text and a byte of 1. The last half byte of a ULID's bytes is 0, so two ids never have the same
 * bytes.
 */
export function eventKey(id: string): string {
  return `CASE WHEN octet_length(${id}) = 26 AND btrim(convert_to(${id}, 'UTF8'), '\\x${CROCKFORD}'::bytea) = ''
      THEN decode(${id} || 'A=', 'base64') ELSE convert_to(${id} || chr(1), 'UTF8') END`;
}

/** The id of a key, for people. */
export function eventIdOf(key: string): string {
  return `CASE WHEN length(${key}) = 20 AND get_byte(${key}, 19) & 15 = 0
      THEN left(encode(${key}, 'base64'), 26) ELSE convert_from(substring(${key} FOR length(${key}) - 1), 'UTF8') END`;
}

/** The expression for a fingerprint as the memory of events stores it: 16 bytes, for which nobody can find two writes. */
export function eventFingerprint(text: string): string {
  return `substring(sha256(convert_to(${text}, 'UTF8')) FOR 16)`;
}
