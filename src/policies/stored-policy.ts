import { LIMITS } from "../contract/limits.js";
import type { Identity, RecordKey, StateRecord } from "../contract/store.js";
import { tenantIdentity } from "../identity/identity.js";
import { type Cell, cellAt, corruptRecord, decodeRecord } from "../typed/cell.js";
import { mappedJson } from "../typed/codec.js";
import type { JsonValue } from "../typed/json-value.js";
import { digestOf, itemKind, itemPrefix } from "../typed/names.js";
import { timeKey } from "../typed/time.js";
import { readTime } from "../validation/fields.js";
import { readInteger, readNamed, readObject } from "../validation/validate.js";
import { readText } from "../validation/validate-text.js";
import { readContent } from "./content.js";
import type { NewPolicy, Policy, PolicyContent } from "./policy.js";

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
/** A dot and a digest. */
const DIGEST_LENGTH = 23;
const FIELDS = ["name", "version", "createdAt", "updatedAt", "tools", "approvals", "budget", "metadata"];

const POLICY_CODEC = mappedJson<StoredPolicy>({
  write: (policy) => policy as unknown as JsonValue,
  read(value) {
    const given = readNamed(value, "policy", FIELDS) as StoredPolicy;
    const { name, version, createdAt, updatedAt, tools, approvals, metadata } = given;
    // Each field but the budget is always written. Rules that were lost may have asked for consent.
    const content = { tools, approvals, metadata, ...("budget" in given && { budget: given.budget }) };
    return {
      name: readText(name, "name", LIMITS.kindBytes),
      version: readInteger(version, "version", 1, Number.MAX_SAFE_INTEGER),
      createdAt: readTime(createdAt, "createdAt"),
      updatedAt: readTime(updatedAt, "updatedAt"),
      ...readContent(content as NewPolicy),
    };
  },
});

const INDEX_CODEC = mappedJson<{ readonly name: string }>({
  write: (entry) => ({ ...entry }),
  read: (value) => ({
    name: readText((readObject(value, "entry") as { name?: unknown }).name, "name", LIMITS.kindBytes),
  }),
});

export { POLICY_CODEC };

/** What an entry of the list points at. */
export interface PolicyEntry {
  readonly name: string;
  readonly createdAt: number;
}

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
  { name, createdAt }: PolicyEntry,
): Cell<{ readonly name: string }> {
  return cellAt(owner, `${INDEX_PREFIX}${timeKey(createdAt)}.${digestOf(name)}`, INDEX_CODEC);
}

export function policyOf({ createdAt, updatedAt, ...rest }: StoredPolicy): Policy {
  return { ...rest, createdAt: new Date(createdAt), updatedAt: new Date(updatedAt) };
}

/** CORRUPT for a record that lies where another policy's, or another version's, belongs. */
export function requirePlace(
  { identity, kind }: RecordKey,
  policy: StoredPolicy,
  name: string,
  version = policy.version,
): StoredPolicy {
  if (policy.name === name && policy.version === version) return policy;
  throw corruptRecord({ identity, kind }, "a policy lies in the place of another");
}

/** The number of a version's record. */
export function versionOf(kind: string): number {
  return Number(kind.slice(-VERSION_DIGITS));
}

/** What an entry of the list points at. CORRUPT for one that lies where another policy's belongs. */
export async function readEntry(record: StateRecord): Promise<PolicyEntry> {
  const { identity, kind } = record;
  const { name } = await decodeRecord(INDEX_CODEC, record);
  const createdAt = Date.parse(kind.slice(INDEX_PREFIX.length, -DIGEST_LENGTH));
  if (!(createdAt >= LIMITS.earliest) || indexCell(identity, { name, createdAt }).kind !== kind)
    throw corruptRecord({ identity, kind }, "an entry of the list points at another policy");
  return { name, createdAt };
}

/** Whether this is the kind of an entry that points at a policy of this name, whenever it was created. */
export function isEntryOf(kind: string, name: string): boolean {
  return kind.endsWith(`.${digestOf(name)}`);
}
