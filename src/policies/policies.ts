import type { CallOptions, SessionIdentity, StateStore } from "../contract/store.js";
import { copySession, readStore } from "../typed/cell.js";
import { InputReader } from "../typed/input-reader.js";
import { perform } from "../typed/operation.js";
import { readClock } from "../typed/time.js";
import { Unit } from "../typed/together/unit.js";
import { readInteger, readNamed, readOptions, readSignal } from "../validation/validate.js";
import { readKind } from "../validation/validate-text.js";
import { unlessDamaged } from "./damaged.js";
import { evaluate, type Judgement } from "./evaluate.js";
import { type Grant, type GrantRule, type GrantScope, type NewGrant, ownerOf } from "./grant.js";
import { Grants } from "./grants.js";
import { PoliciesInUnit } from "./in-unit.js";
import { type GrantReceipt, noSuchPolicy, PolicyOperations, type PolicyReceipt } from "./operations.js";
import {
  type CallUnderPolicy,
  type ListPoliciesOptions,
  type PoliciesOptions,
  type PolicyPage,
  type PolicyVersionOptions,
  readCall,
  readCallUnderPolicy,
  readPage,
} from "./options.js";
import type { NewPolicy, Policy } from "./policy.js";
import { PolicyRecords } from "./policy-records.js";
import { INDEX_PREFIX, readTenant, type TenantRef, versionsPrefix } from "./stored-policy.js";

/**
 * Named policies of a tenant, in versions, and what people have allowed for good.
 *
 * A policy says which tools may be called and which calls need a person's consent. What is missing or damaged forbids.
 */
export class Policies {
  readonly #store: StateStore;
  readonly #records: PolicyRecords;
  readonly #grants: Grants;
  readonly #operations: PolicyOperations;

  /** @internal */
  constructor(store: StateStore, options: PoliciesOptions = {}) {
    readNamed(options, "options", ["clock", "redact"]);
    this.#store = readStore(store);
    const now = readClock(options);
    this.#records = new PolicyRecords(this.#store);
    this.#grants = new Grants(this.#store, now);
    this.#operations = new PolicyOperations(now, new InputReader(options, "policies"));
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
    return (await perform(this.#store, this.#operations.put(tenant, policy), readCall(options))).result;
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
    const version =
      given.version === undefined
        ? undefined
        : readInteger(given.version, "version", 1, Number.MAX_SAFE_INTEGER);
    return this.#records.find(owner, name, version, readSignal(given));
  }

  /** The policies of a tenant, the one created last first. CORRUPT. */
  async list(tenant: TenantRef, options?: ListPoliciesOptions): Promise<PolicyPage> {
    return this.#records.list(readTenant(tenant), readPage(options, INDEX_PREFIX));
  }

  /** The versions of a policy, newest first. Empty if there is no such policy. CORRUPT. */
  async versions(tenant: TenantRef, name: string, options?: ListPoliciesOptions): Promise<PolicyPage> {
    const owner = readTenant(tenant);
    return this.#records.versions(owner, name, readPage(options, versionsPrefix(readKind(name, "name"))));
  }

  /** Deletes a policy with all its versions, also if it is damaged. Returns whether there was one. */
  async delete(tenant: TenantRef, name: string, options?: CallOptions): Promise<boolean> {
    const owner = readTenant(tenant);
    return this.#records.delete(owner, readKind(name, "name"), readCall(options).signal);
  }

  /**
   * Judges a call of a session: by the policy, and by what was allowed for good in the session and for its user. A policy
   * that is missing or damaged forbids, and a grant that is damaged grants nothing. Rejects if the store cannot be asked.
   */
  async judge(identity: SessionIdentity, call: CallUnderPolicy, options?: CallOptions): Promise<Judgement> {
    const owner = copySession(identity);
    const { policy: name, ...judged } = readCallUnderPolicy(call);
    const { signal } = readCall(options);
    const policy = await unlessDamaged(() => this.#records.find(readTenant(owner), name, undefined, signal));
    if (policy === "damaged") return { verdict: "forbid", because: "damaged" };
    const judgement = evaluate(policy, judged);
    if (judgement.verdict !== "approve") return judgement;
    return evaluate(
      policy,
      judged,
      await this.#grants.holds(owner, { tool: judged.tool, policy: name }, signal),
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
    return this.#grants.list(ownerOf(identity), readCall(options).signal);
  }

  /**
   * Removes the grants of a session or user that have expired. They count for nothing before that, too. Returns how many.
   * Damaged ones are passed over; after all others, the first damage is thrown as CORRUPT.
   */
  async removeExpired(identity: GrantScope, options?: CallOptions): Promise<number> {
    return this.#grants.removeExpired(ownerOf(identity), readCall(options).signal);
  }
}
