import { LIMITS } from "../contract/limits.js";
import type { Identity } from "../contract/store.js";
import { tenantIdentity } from "../identity/identity.js";
import { type Cell, cellAt, corruptRecord } from "../typed/cell.js";
import { mappedJson } from "../typed/codec.js";
import type { JsonValue } from "../typed/json-value.js";
import { digestOf, itemKind, itemPrefix } from "../typed/names.js";
import { timeKey } from "../typed/time.js";
import { readTime } from "../validation/fields.js";
import { readInteger, readNamed, readObject } from "../validation/validate.js";
import { readText } from "../validation/validate-text.js";
import { readContent } from "./content.js";
import type { Policy, PolicyContent } from "./policy.js";

/** The tenant whose policies are meant. */
export interface TenantRef {
  /** 1 to 255 UTF-8 bytes. */
  readonly tenant: string;
}

/** A version of a policy as it is stored. Times in milliseconds since 1970. */
export interface StoredPolicy extends PolicyContent {
  readonly name: string;
  readonly version: number;
  readonly createdAt: number;
  readonly updatedAt: number;
}

const POLICIES = "policy";
const VERSIONS = "policy.version";
const INDEX = "policy.index";
const VERSION_DIGITS = 16;
const FIELDS = ["name", "version", "createdAt", "updatedAt", "tools", "approvals", "budget", "metadata"];

const POLICY_CODEC = mappedJson<StoredPolicy>({
  write: (policy) => policy as unknown as JsonValue,
  read(value) {
    const given = readNamed(value, "policy", FIELDS) as StoredPolicy;
    const { name, version, createdAt, updatedAt, ...content } = given;
    return {
      name: readText(name, "name", LIMITS.kindBytes),
      version: readInteger(version, "version", 1, Number.MAX_SAFE_INTEGER),
      createdAt: readTime(createdAt, "createdAt"),
      updatedAt: readTime(updatedAt, "updatedAt"),
      ...readContent(content as PolicyContent & { readonly metadata: Record<string, never> }),
    };
  },
});

const INDEX_CODEC = mappedJson<{ readonly name: string }>({
  write: (entry) => ({ ...entry }),
  read: (value) => ({
    name: readText((readObject(value, "entry") as { name?: unknown }).name, "name", LIMITS.kindBytes),
  }),
});

export { INDEX_CODEC, POLICY_CODEC };

/** The prefix of the entries of a tenant's list, in the order of creation. */
export const INDEX_PREFIX = itemPrefix(INDEX);

/** Ignores further properties, so that a session's identity can be passed. */
export function readTenant(tenant: TenantRef): Identity {
  return tenantIdentity({ ...tenant }.tenant);
}

export function currentCell(owner: Identity, name: string): Cell<StoredPolicy> {
  return cellAt(owner, itemKind(POLICIES, digestOf(name)), POLICY_CODEC);
}

export function versionCell(owner: Identity, name: string, version: number): Cell<StoredPolicy> {
  const number = String(version).padStart(VERSION_DIGITS, "0");
  return cellAt(owner, versionsPrefix(name) + number, POLICY_CODEC);
}

export function versionsPrefix(name: string): string {
  return `${itemPrefix(VERSIONS)}${digestOf(name)}/`;
}

export function indexCell(
  owner: Identity,
  { name, createdAt }: Pick<StoredPolicy, "name" | "createdAt">,
): Cell<{ readonly name: string }> {
  return cellAt(owner, `${INDEX_PREFIX}${timeKey(createdAt)}.${digestOf(name)}`, INDEX_CODEC);
}

export function policyOf({ createdAt, updatedAt, ...rest }: StoredPolicy): Policy {
  return { ...rest, createdAt: new Date(createdAt), updatedAt: new Date(updatedAt) };
}

/** CORRUPT for a record that lies where another policy's belongs. */
export function requireName(cell: Cell<StoredPolicy>, policy: StoredPolicy, name: string): StoredPolicy {
  if (policy.name === name) return policy;
  throw corruptRecord(cell, "a policy has the name of another");
}
