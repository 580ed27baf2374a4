/**
 * Event ids and fingerprints as the database stores them: in 16 bytes where they have the usual form, and otherwise as the
 * text they are. Text and bytes never compare as equal in SQLite, so no two event ids have the same key.
 */
export type EventKey = Uint8Array | string;

export const KEY_BYTES = 16;
export const CROCKFORD = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";
export const ULID_CHARACTERS = 26;
/** The length of a fingerprint of the usual form: 32 bytes in base64url. */
export const FINGERPRINT_CHARACTERS = 43;
const USUAL_FINGERPRINT = /^[-\w]{43}$/;
/** The characters that 16 bytes hold in full. */
const KEPT_CHARACTERS = 21;

const BITS_PER_CHARACTER = 5;
const DIGITS = digitsOf(CROCKFORD);
const NO_DIGIT = 0xff;

/** The key of an event id: 16 bytes for a ULID in capital letters; in `bytes`, where it is given. */
export function eventKey(eventId: string, bytes: Uint8Array = new Uint8Array(KEY_BYTES)): EventKey {
  if (eventId.length !== ULID_CHARACTERS) return eventId;
  // The first character stands for the three highest of 128 bits.
  let left = digitAt(eventId, 0);
  if (left > 7) return eventId;
  let bits = 3;
  let at = 0;
  for (let index = 1; index < ULID_CHARACTERS; index++) {
    const digit = digitAt(eventId, index);
    if (digit === NO_DIGIT) return eventId;
    left = (left << BITS_PER_CHARACTER) | digit;
    bits += BITS_PER_CHARACTER;
    if (bits < 8) continue;
    bits -= 8;
    bytes[at++] = left >> bits;
    left &= (1 << bits) - 1;
  }
  return bytes;
}

/** The event id of a key. */
export function eventIdOf(key: EventKey): string {
  if (typeof key === "string") return key;
  let text = "";
  let left = 0;
  // The two bits that 26 characters have more than 16 bytes.
  let bits = 2;
  for (const byte of key) {
    left = (left << 8) | byte;
    bits += 8;
    while (bits >= BITS_PER_CHARACTER) {
      bits -= BITS_PER_CHARACTER;
      text += CROCKFORD[left >> bits];
      left &= (1 << bits) - 1;
    }
  }
  return text;
}

/**
 * The fingerprint to remember: half of its bytes, which is still more than anybody can find two writes for. In `bytes`, where
 * it is given.
 */
export function storedFingerprint(fingerprint: string, bytes: Buffer = Buffer.alloc(KEY_BYTES)): EventKey {
  if (!USUAL_FINGERPRINT.test(fingerprint)) return fingerprint;
  bytes.write(fingerprint, "base64url");
  return bytes;
}

/** The first characters of a remembered fingerprint, or the whole text; `null` if it was erased. */
export function rememberedFingerprint(stored: unknown): string | null {
  if (stored === null) return null;
  if (stored instanceof Uint8Array && stored.length === KEY_BYTES)
    return Buffer.from(stored.buffer, stored.byteOffset, KEY_BYTES)
      .toString("base64url")
      .slice(0, KEPT_CHARACTERS);
  // Damage: stands for no write.
  return typeof stored === "string" ? stored : "";
}

function digitAt(text: string, index: number): number {
  return DIGITS[text.charCodeAt(index)] ?? NO_DIGIT;
}

function digitsOf(alphabet: string): Uint8Array {
  const digits = new Uint8Array(128).fill(0xff);
  for (const [digit, character] of [...alphabet].entries()) digits[character.charCodeAt(0)] = digit;
  return digits;
}
