/** The digits of a ULID, and those of base64 with the same values. https://github.com/ulid/spec */
const CROCKFORD = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";
const BASE64 = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdef";

/**
 * The expression for an event id as the memory of events stores it. The 26 digits of a ULID take 20 bytes, as base64: the
 * server has no function that makes 16 of them, and as rows are rounded to 8 bytes they are hardly longer. Such keys rise
 * with the ids, so that new ones go to one end of the index. Any other id is its text and a byte of 1. The last half byte of
 * a ULID's key is 0, so two ids never have the same key.
 *
 * The condition is of immutable functions alone: where the id is a parameter, the planner then drops a branch that is not
 * taken. Otherwise it computes the branch for any id, and `decode` throws.
 */
export function eventKey(id: string): string {
  return `CASE WHEN octet_length(${id}) = 26 AND translate(${id}, '${CROCKFORD}', '') = ''
      THEN decode(translate(${id}, '${CROCKFORD}', '${BASE64}') || 'A=', 'base64')
      ELSE convert_to(${id} || chr(1), 'UTF8') END`;
}

/** The id of a key, for people. */
export function eventIdOf(key: string): string {
  return `CASE WHEN length(${key}) = 20 AND get_byte(${key}, 19) & 15 = 0
      THEN translate(left(encode(${key}, 'base64'), 26), '${BASE64}', '${CROCKFORD}')
      ELSE convert_from(substring(${key} FOR length(${key}) - 1), 'UTF8') END`;
}

/** The expression for a fingerprint as the memory of events stores it: 16 bytes, for which nobody can find two writes. */
export function eventFingerprint(text: string): string {
  return `substring(sha256(convert_to(${text}, 'UTF8')) FOR 16)`;
}
