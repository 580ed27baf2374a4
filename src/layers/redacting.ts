import { invalid } from "../contract/errors.js";
import type { Redact, RedactedPlace } from "../contract/redact.js";
import { emitRedactions } from "../diagnostics/diagnostics.js";
import { readOptions } from "../validation/validate.js";
import { credentials, RULES } from "./redaction/credentials.js";
import { type Redactor, readOwnRule } from "./redaction/own-rule.js";
import { redactText } from "./redaction/redact-text.js";
import type { Rule } from "./redaction/rule.js";
import { Sieve } from "./redaction/sieve.js";

/** What `redacting` looks for. */
export interface RedactingOptions {
  /** Names of `credentials`, and redactors of your own. Default all `credentials`. None: nothing is redacted. */
  readonly redactors?: readonly (string | Redactor)[];
}

/**
 * Makes the option `redact` of a wrapper, or of `openRuntime` for all of them: secrets in texts are replaced by
 * `«redacted:KIND»` before they are stored. Keys of objects, ids and names stay. INVALID_RECORD for a redactor that is none.
 *
 * @example
 * ```ts
 * import { credentials, redacting } from "groundstate/layers";
 * import { createSessions } from "groundstate/sessions";
 *
 * const employee = { kind: "employee", pattern: /\bEMP-\d{6}\b/ };
 * const sessions = createSessions(store, { redact: redacting({ redactors: [...credentials, employee] }) });
 * await sessions.append(session, { value: { role: "user", text: "I am EMP-123456." } });
 * ```
 */
export function redacting(options: RedactingOptions = {}): Redact {
  const given = readOptions(options, ["redactors"]) as RedactingOptions;
  const redactors = "redactors" in given ? readList(given.redactors) : credentials;
  const sieve = new Sieve(redactors.map(readRule));
  return Object.freeze({
    text(text: string, place: RedactedPlace = {}): string {
      const redacted = redactText(text, sieve, place.name);
      if (redacted === undefined) return text;
      emitRedactions(place.wrapper, redacted.kinds);
      return redacted.text;
    },
  });
}

function readList(value: unknown): readonly unknown[] {
  if (!Array.isArray(value)) throw invalid("redactors", "a list of names and redactors");
  return value;
}

function readRule(value: unknown): Rule {
  if (typeof value !== "string") return readOwnRule(value);
  const rule = RULES.get(value);
  if (rule === undefined) throw invalid("redactors", `a redactor, or one of ${credentials.join(", ")}`);
  return rule;
}
