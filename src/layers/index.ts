// The types of this module know the code only by this import.
import "./encrypting/key-error.js";

export type { Redact, RedactedPlace } from "../contract/redact.js";
export { type Encrypting, type EncryptingOptions, encrypting } from "./encrypting/encrypting.js";
export type { EncryptionKeys, KeyEncryptionKey, WrapContext } from "./encrypting/key-encryption-keys.js";
export { type RedactingOptions, redacting } from "./redacting.js";
export { credentials } from "./redaction/credentials.js";
export type { FindingRedactor, PatternRedactor, Redactor } from "./redaction/own-rule.js";
export type { Found } from "./redaction/rule.js";
export { type RetryPolicy, type RetryRuntime, retrying } from "./retrying.js";
