import { invalid, isStateError } from "../contract/errors.js";
import type { CallOptions, Identity, SessionIdentity, StateStore } from "../contract/store.js";
import { userIdentity } from "../identity/identity.js";
import { type Cell, copySession, decodeRecord, readStore } from "../typed/cell.js";
import { findCell } from "../typed/cell-operations.js";
import { commitWithRetries } from "../typed/commit-with-retries.js";
import { itemPrefix } from "../typed/names.js";
import { perform } from "../typed/operation.js";
import { mapInSlices } from "../typed/slices.js";
import { type Clock, readClock } from "../typed/time.js";
import { Unit } from "../typed/together/unit.js";
import { readInteger, readLimit, readNamed, readOptions, readSignal } from "../validation/validate.js";
import { readKind } from "../validation/validate-text.js";
import { evaluate, type JudgedCall, type Judgement } from "./evaluate.js";
import {
  GRANT_CODEC,
  GRANTS,
  type Grant,
  type GrantRule,
  type GrantScope,
  grantAt,
  grantCell,
  type NewGrant,
  ownerOf,
  type StoredGrant,
} from "./grant.js";
import { PoliciesInUnit } from "./in-unit.js";
import { type GrantReceipt, noSuchPolicy, PolicyOperations, type PolicyReceipt } from "./operations.js";
import type { NewPolicy, Policy } from "./policy.js";
import {
  currentCell,
  INDEX_CODEC,
  INDEX_PREFIX,
  indexCell,
  POLICY_CODEC,
  policyOf,
  readTenant,
  requireName,
  type TenantRef,
  versionCell,
  versionsPrefix,
} from "./stored-policy.js";

/** The options of `createPolicies`. */
export interface PoliciesOptions {
  /** Milliseconds since 1970. Default the process's clock. It dates policies, and judges whether a grant has expired. */
  readonly clock?: Clock;
}

/** Which version `get` and `find` return. */
export interface PolicyVersionOptions extends CallOptions {
  /** Default: the last one. */
  readonly version?: number | undefined;
}

/** Which policies or versions a list returns. */
export interface ListPoliciesOptions extends CallOptions {
  /** 1 to 1,000. Default 50. */
  readonly limit?: number | undefined;
  /** The `next` of the page before. */
  readonly after?: string | undefined;
}

/** A page of policies or versions. */
export interface PolicyPage {
  /** Newest first. */
  readonly policies: readonly Policy[];
  /** Where the next page begins; absent on the last. */
  readonly next?: string;
}

/** A call of a tool, and the policy that is in force. */
export interface CallUnderPolicy extends JudgedCall {
  /** The name of the policy. */
  readonly policy: string;
}

const DEFAULT_LIMIT = 50;
const MAX_LIMIT = 1_000;
const PAGE = 500;
const MAX_ATTEMPTS = 20;

/**
 * Named policies of a tenant, in versions, and what people have allowed for good.
 *
 * A policy says which tools may be called and which calls need a person's consent. What is missing or damaged forbids.
 */
export class Policies {
  readonly #store: StateStore;
  readonly #now: Clock;
  readonly #operations: PolicyOperations;

  /** @internal */
  constructor(store: StateStore, options: PoliciesOptions = {}) {
    readNamed(options, "options", ["clock"]);
    this.#store = readStore(store);
    this.#now = readClock(options);
    this.#operations = new PolicyOperations(this.#now);
    Object.freeze(this);
  }

  /** The methods of a unit of `together`: they take effect with its other calls, or not at all. INVALID_RECORD. */
  in(unit: Unit): PoliciesInUnit {
    return new PoliciesInUnit(Unit.check(unit, this.#store), this.#operations);
  }

  /**
   * Puts a version of a policy. `createdAt` stays that of the first version. What the last version says already makes no new
   * one. With an `id` it is put once, also if there are newer versions: other content is IDEMPOTENCY_CONFLICT. NOT_FOUND if
   * the policy was deleted since, within the store's idempotency window.
   */
  async put(tenant: TenantRef, policy: NewPolicy, options?: CallOptions): Promise<PolicyReceipt> {
    const operation = this.#operations.put(tenant, policy);
    const call = readCall(options);
    try {
      return (await perform(this.#store, operation, call)).result;
    } catch (error) {
      if (!isStateError(error, "NOT_FOUND")) throw error;
      // Another process may have put the same at this moment. Then it is found now.
      return (await perform(this.#store, operation, call)).result;
    }
  }

  /** The policy, or a version of it. NOT_FOUND, CORRUPT. */
  async get(tenant: TenantRef, name: string, options?: PolicyVersionOptions): Promise<Policy> {
    const found = await this.find(tenant, name, options);
    if (found === undefined) throw noSuchPolicy();
    return found;
  }

  /** The policy, or a version of it, or `undefined`. CORRUPT. */
  async find(tenant: TenantRef, name: string, options?: PolicyVersionOptions): Promise<Policy | undefined> {
    const owner = readTenant(tenant);
    readKind(name, "name");
    const given = readOptions(options, ["version", "signal"]) as PolicyVersionOptions;
    const cell =
      given.version === undefined
        ? currentCell(owner, name)
        : versionCell(owner, name, readInteger(given.version, "version", 1, Number.MAX_SAFE_INTEGER));
    const found = await findCell(this.#store, cell, { signal: readSignal(given) });
    return found && policyOf(requireName(cell, found.value, name));
  }

  /** The policies of a tenant, the one created last first. CORRUPT. */
  async list(tenant: TenantRef, options?: ListPoliciesOptions): Promise<PolicyPage> {
    const owner = readTenant(tenant);
    const { limit, signal, before } = readPage(options, INDEX_PREFIX);
    const range = { ...before, limit: limit + 1, signal, reverse: true };
    const entries = await this.#store.list(owner, INDEX_PREFIX, range);
    const page = entries.slice(0, limit);
    const found = await mapInSlices(page, async (entry) => {
      const { name } = await decodeRecord(INDEX_CODEC, entry);
      const cell = currentCell(owner, name);
      const current = await findCell(this.#store, cell, { signal });
      return current === undefined ? [] : [policyOf(requireName(cell, current.value, name))];
    });
    const last = entries.length > limit ? page.at(-1) : undefined;
    return { policies: found.flat(), ...(last && { next: last.kind.slice(INDEX_PREFIX.length) }) };
  }

  /** The versions of a policy, newest first. Empty if there is no such policy. CORRUPT. */
  async versions(tenant: TenantRef, name: string, options?: ListPoliciesOptions): Promise<PolicyPage> {
    const owner = readTenant(tenant);
    const prefix = versionsPrefix(readKind(name, "name"));
    const { limit, signal, before } = readPage(options, prefix);
    const records = await this.#store.list(owner, prefix, {
      ...before,
      limit: limit + 1,
      signal,
      reverse: true,
    });
    const page = records.slice(0, limit);
    const policies = await mapInSlices(page, async (record) =>
      policyOf(await decodeRecord(POLICY_CODEC, record)),
    );
    const last = records.length > limit ? page.at(-1) : undefined;
    return { policies, ...(last && { next: last.kind.slice(prefix.length) }) };
  }

  /** Deletes a policy with all its versions, also if it is damaged. Returns whether there was one. */
  async delete(tenant: TenantRef, name: string, options?: CallOptions): Promise<boolean> {
    const owner = readTenant(tenant);
    const { signal } = readCall(options);
    const { identity, kind } = currentCell(owner, readKind(name, "name"));
    for (let attempt = 1; ; attempt++) {
      const record = await this.#store.find(identity, kind, { signal });
      const entry = await this.#indexEntryOf(owner, name, record && (await createdAtOf(record)), signal);
      const changes = [
        { op: "delete", identity, kind, expect: record?.eventId ?? null },
        { op: "erase", identity, prefix: versionsPrefix(name), ownState: true },
        ...(entry === undefined ? [] : [{ op: "delete", identity, kind: entry } as const]),
      ] as const;
      try {
        await commitWithRetries(this.#store, changes, { signal, repeatable: true });
        return record !== undefined;
      } catch (error) {
        if (!isStateError(error, "CONDITION_FAILED") || attempt === MAX_ATTEMPTS) throw error;
      }
    }
  }

  /**
   * Judges a call of a session: by the policy, and by what was allowed for good in the session and for its user. A policy
   * that is missing or damaged forbids, and a grant that is damaged grants nothing. Rejects if the store cannot be asked.
   */
  async judge(identity: SessionIdentity, call: CallUnderPolicy, options?: CallOptions): Promise<Judgement> {
    const owner = copySession(identity);
    const { policy: name, ...judged } = readNamed(call, "call", [
      "policy",
      "tool",
      "sideEffect",
    ]) as CallUnderPolicy;
    readKind(name, "policy");
    readKind(judged.tool, "tool");
    if ("sideEffect" in judged) readKind(judged.sideEffect, "sideEffect");
    const { signal } = readCall(options);
    const policy = await unlessDamaged(() => this.find(owner, name, { signal }));
    if (policy === "damaged") return { verdict: "forbid", because: "damaged" };
    const judgement = evaluate(policy, judged);
    if (judgement.verdict !== "approve") return judgement;
    return evaluate(
      policy,
      judged,
      await this.#isGranted(owner, { tool: judged.tool, policy: name }, signal),
    );
  }

  /**
   * Remembers that a tool needs no more consent: in a session, or with `{ tenant, user }` for a user in all sessions. Takes the
   * place of an earlier grant of the same tool and policy. With an `id` it happens once: a late retry brings nothing back that
   * was revoked. IDEMPOTENCY_CONFLICT.
   */
  async remember(identity: GrantScope, grant: NewGrant, options?: CallOptions): Promise<GrantReceipt> {
    const operation = this.#operations.remember(identity, grant);
    const { duplicate } = await perform(this.#store, operation, readCall(options));
    return { duplicate };
  }

  /** Takes a grant back. Returns whether there was one. */
  async revoke(identity: GrantScope, rule: GrantRule, options?: CallOptions): Promise<boolean> {
    return (await perform(this.#store, this.#operations.revoke(identity, rule), readCall(options))).result;
  }

  /** What was allowed for good, and has not expired: in a session and for its user, or with `{ tenant, user }` for the user alone. CORRUPT. */
  async grants(identity: GrantScope, options?: CallOptions): Promise<Grant[]> {
    const owner = ownerOf(identity);
    const { signal } = readCall(options);
    const owners = isUser(owner) ? [owner] : [owner, userIdentity(owner.tenant, owner.user)];
    return (await Promise.all(owners.map((each) => this.#grantsOf(each, signal)))).flat();
  }

  /** Removes the grants of a session or user that have expired. They count for nothing before that, too. Returns how many. */
  async removeExpired(identity: GrantScope, options?: CallOptions): Promise<number> {
    const owner = ownerOf(identity);
    const { signal } = readCall(options);
    let removed = 0;
    for await (const page of this.#grantPages(owner, signal))
      for (const record of page) {
        const stored = await decodeRecord(GRANT_CODEC, record);
        if (grantAt(record, stored, record.updatedAt, this.#now()) !== undefined) continue;
        const { kind, eventId } = record;
        try {
          if (await this.#store.delete(owner, kind, { expect: eventId, ...(signal && { signal }) }))
            removed++;
        } catch (error) {
          // It was granted again.
          if (!isStateError(error, "CONDITION_FAILED")) throw error;
        }
      }
    return removed;
  }

  async #grantsOf(owner: Identity, signal: AbortSignal | undefined): Promise<Grant[]> {
    const grants: Grant[] = [];
    for await (const page of this.#grantPages(owner, signal))
      for (const record of page) {
        const grant = grantAt(record, await decodeRecord(GRANT_CODEC, record), record.updatedAt, this.#now());
        if (grant !== undefined) grants.push(grant);
      }
    return grants;
  }

  async *#grantPages(owner: Identity, signal: AbortSignal | undefined) {
    for (let after: { readonly after?: string } = {}; ; ) {
      const page = await this.#store.list(owner, itemPrefix(GRANTS), { ...after, limit: PAGE, signal });
      yield page;
      if (page.length < PAGE) return;
      after = { after: page.at(-1)?.kind as string };
    }
  }

  async #isGranted(
    owner: SessionIdentity,
    { tool, policy }: Required<GrantRule>,
    signal: AbortSignal | undefined,
  ): Promise<boolean> {
    const owners = [owner, userIdentity(owner.tenant, owner.user)];
    const cells = owners.flatMap((each) => [grantCell(each, { tool }), grantCell(each, { tool, policy })]);
    return (await Promise.all(cells.map((cell) => this.#holds(cell, signal)))).includes(true);
  }

  async #holds(cell: Cell<StoredGrant>, signal: AbortSignal | undefined): Promise<boolean> {
    const found = await unlessDamaged(async () => {
      const stored = await findCell(this.#store, cell, { signal });
      return stored && grantAt(cell, stored.value, stored.updatedAt, this.#now());
    });
    return found !== undefined && found !== "damaged";
  }

  /** The entry of a policy in the list. Of a damaged one it is not known when it was created, so it is looked for. */
  async #indexEntryOf(
    owner: Identity,
    name: string,
    createdAt: number | undefined,
    signal: AbortSignal | undefined,
  ): Promise<string | undefined> {
    if (createdAt !== undefined) return indexCell(owner, { name, createdAt }).kind;
    const suffix = indexCell(owner, { name, createdAt: 0 }).kind.slice(-DIGEST_LENGTH);
    for (let after: { readonly after?: string } = {}; ; ) {
      const page = await this.#store.list(owner, INDEX_PREFIX, {
        ...after,
        limit: PAGE,
        signal,
        bytes: false,
      });
      const entry = page.find(({ kind }) => kind.endsWith(suffix));
      if (entry !== undefined || page.length < PAGE) return entry?.kind;
      after = { after: page.at(-1)?.kind as string };
    }
  }
}

/** A dot and a digest. */
const DIGEST_LENGTH = 23;

function isUser({ session }: Identity): boolean {
  return session.startsWith("~");
}

async function createdAtOf(record: Parameters<typeof decodeRecord>[1]): Promise<number | undefined> {
  const policy = await unlessDamaged(() => decodeRecord(POLICY_CODEC, record));
  return policy === "damaged" ? undefined : policy.createdAt;
}

async function unlessDamaged<R>(read: () => Promise<R>): Promise<R | "damaged"> {
  try {
    return await read();
  } catch (error) {
    if (isStateError(error, "CORRUPT") || isStateError(error, "SCHEMA_TOO_NEW")) return "damaged";
    throw error;
  }
}

function readPage(options: ListPoliciesOptions | undefined, prefix: string) {
  const given = readOptions(options, ["limit", "after", "signal"]) as ListPoliciesOptions;
  const { limit, after } = given;
  if (after !== undefined && (typeof after !== "string" || after === "" || after.length > 100))
    throw invalid("after", "the `next` of a page");
  return {
    limit: limit === undefined ? DEFAULT_LIMIT : readLimit(limit, MAX_LIMIT),
    signal: readSignal(given),
    before: after === undefined ? {} : { before: prefix + after },
  };
}

function readCall(options: CallOptions | undefined): { readonly signal: AbortSignal | undefined } {
  return { signal: readSignal(readOptions(options, ["signal"])) };
}
