import { CARD_NUMBER } from "./card-number.js";
import { CLOUD_KEYS } from "./cloud-keys.js";
import { FORGE_TOKENS } from "./forge-tokens.js";
import { HEADERS } from "./headers.js";
import { JWT } from "./jwt.js";
import { MODEL_KEYS } from "./model-keys.js";
import { PRIVATE_KEY } from "./private-key.js";
import type { Rule } from "./rule.js";
import { SERVICE_KEYS } from "./service-keys.js";

/** Where two find the same characters, the first one names them. */
const SHIPPED: readonly Rule[] = [
  PRIVATE_KEY,
  ...CLOUD_KEYS,
  ...FORGE_TOKENS,
  ...MODEL_KEYS,
  ...SERVICE_KEYS,
  JWT,
  ...HEADERS,
  CARD_NUMBER,
];

export const RULES: ReadonlyMap<string, Rule> = new Map(SHIPPED.map((rule) => [rule.kind, rule]));

/**
 * The kinds of secrets that `redacting` finds unless it is told otherwise: keys of clouds, tokens of forges and registries,
 * keys of models' providers and of other services, JSON web tokens, private keys in PEM, bearer and other headers, passwords
 * in URLs, and numbers of payment cards.
 */
export const credentials: readonly string[] = Object.freeze([...RULES.keys()]);
