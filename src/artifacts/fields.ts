import { invalid } from "../contract/errors.js";
import type { Identity, SessionIdentity } from "../contract/store.js";
import { userIdentity } from "../identity/identity.js";
import { copySession } from "../typed/cell.js";
import { type InputReader, PLAIN_READER } from "../typed/input-reader.js";
import type { JsonValue } from "../typed/json-value.js";
import { readNamed, readObject } from "../validation/validate.js";
import { readKind, readText } from "../validation/validate-text.js";

const MAX_NAME_BYTES = 255;
const MAX_TYPE_BYTES = 255;
const MAX_METADATA_BYTES = 16 * 1024;

/** The session's own identity, or the one of the user's own state. */
export function readOwner(owner: unknown): SessionIdentity {
  if (typeof owner === "object" && owner !== null && "session" in owner)
    return copySession(owner as SessionIdentity);
  const { tenant, user } = readNamed(owner, "identity", ["tenant", "user"]) as Identity;
  return userIdentity(tenant, user);
}

export function readName(value: unknown, field: string): string {
  const name = readKind(value, field);
  if (Buffer.byteLength(name) > MAX_NAME_BYTES) throw invalid(field, `at most ${MAX_NAME_BYTES} UTF-8 bytes`);
  return name;
}

export function readContentType(value: unknown, field: string): string {
  const type = readText(value, field, MAX_TYPE_BYTES);
  if (type === "") throw invalid(field, "a media type that is not empty");
  return type;
}

export function readMetadata(
  value: unknown,
  field: string,
  inputs: InputReader = PLAIN_READER,
): Readonly<Record<string, JsonValue>> {
  if (Array.isArray(value)) throw invalid(field, "an object");
  const copy = inputs.json(readObject(value, field), field);
  if (Buffer.byteLength(JSON.stringify(copy)) > MAX_METADATA_BYTES)
    throw invalid(field, `at most ${MAX_METADATA_BYTES} bytes of JSON`);
  return copy as Readonly<Record<string, JsonValue>>;
}
