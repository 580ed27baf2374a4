import { isDeepStrictEqual } from "node:util";
import { invalid, isStateError, StateError } from "../contract/errors.js";
import type { Identity } from "../contract/store.js";
import { decodeRecord } from "../typed/cell.js";
import type { InputReader } from "../typed/input-reader.js";
import { digestOf, readScopedId, scopedEventId } from "../typed/names.js";
import type { Operation } from "../typed/operation.js";
import type { Clock } from "../typed/time.js";
import type { Transaction } from "../typed/transaction.js";
import { readNamed } from "../validation/validate.js";
import { readKind } from "../validation/validate-text.js";
import { readContent } from "./content.js";
import { unlessDamaged } from "./damaged.js";
import { type GrantScope, grantCell, ownerOf, readNewGrant, readRule } from "./grant.js";
import type { NewPolicy, Policy, PolicyContent } from "./policy.js";
import {
  currentCell,
  indexCell,
  POLICY_CODEC,
  policyOf,
  readTenant,
  requirePlace,
  type StoredPolicy,
  type TenantRef,
  versionCell,
} from "./stored-policy.js";

/** What came of a put. */
export interface PolicyReceipt {
  /** The version that was put, or that is there. */
  readonly policy: Policy;
  /** It was there before: nothing was written. */
  readonly duplicate: boolean;
}

/** What came of a grant. */
export interface GrantReceipt {
  /** The same call was made before: nothing was written. If the grant was revoked since, it stays revoked. */
  readonly duplicate: boolean;
}

const FIELDS = ["name", "tools", "approvals", "budget", "metadata", "id"];

/** What the mutating methods do once their input is read. */
export class PolicyOperations {
  readonly #now: Clock;
  readonly #inputs: InputReader;

  constructor(now: Clock, inputs: InputReader) {
    this.#now = now;
    this.#inputs = inputs;
  }

  put(tenant: TenantRef, policy: unknown): Operation<PolicyReceipt> {
    const owner = readTenant(tenant);
    const given = readNamed(policy, "policy", FIELDS) as NewPolicy;
    const name = readKind(given.name, "name");
    const content = readContent(given, this.#inputs);
    const eventId =
      "id" in given ? scopedEventId(digestOf("policy", name), readScopedId(given.id, "id")) : undefined;
    return {
      turn: currentCell(owner, name),
      // The same content makes no new version.
      repeatable: true,
      findsItsIds: true,
      apply: async (transaction) => {
        const earlier = eventId && (await putEarlier(transaction, owner, eventId, content));
        return earlier || this.#putNext(transaction, owner, name, content, eventId);
      },
    };
  }

  remember(scope: GrantScope, grant: unknown): Operation<GrantReceipt> {
    const { cell, value, eventId, repeatable } = readNewGrant(scope, grant, this.#inputs);
    return {
      turn: cell,
      repeatable,
      apply: async (transaction) => {
        await transaction.write(cell, value, eventId, undefined, new Date(this.#now()));
        return { duplicate: false };
      },
      recall: async (transaction) =>
        repeatable && (await transaction.isKnown(cell, value, eventId)) ? { duplicate: true } : undefined,
    };
  }

  revoke(scope: GrantScope, rule: unknown): Operation<boolean> {
    const cell = grantCell(ownerOf(scope), readRule(rule));
    return {
      turn: cell,
      repeatable: true,
      async apply(transaction) {
        // Damage must not keep a grant from being revoked.
        const isThere = (await unlessDamaged(() => transaction.peek(cell))) !== undefined;
        transaction.delete(cell);
        return isThere;
      },
    };
  }

  async #putNext(
    transaction: Transaction,
    owner: Identity,
    name: string,
    content: PolicyContent,
    eventId: string | undefined,
  ): Promise<PolicyReceipt> {
    const cell = currentCell(owner, name);
    const before = await transaction.get(cell);
    if (before !== undefined && isSame(requirePlace(cell, before, name), content))
      return { policy: policyOf(before), duplicate: true };
    const now = this.#now();
    const { version = 0, createdAt = now } = before ?? {};
    const next: StoredPolicy = { name, version: version + 1, createdAt, updatedAt: now, ...content };
    const numbered = versionCell(owner, name, next.version);
    await transaction.set(cell, next);
    await transaction.create(numbered, next, eventId);
    transaction.explain(cell, asPolicyTooLarge);
    transaction.explain(numbered, (error) =>
      isStateError(error, "IDEMPOTENCY_CONFLICT") ? noSuchPolicy() : asPolicyTooLarge(error),
    );
    if (before === undefined) await transaction.set(indexCell(owner, next), { name });
    return { policy: policyOf(next), duplicate: false };
  }
}

/** The caller knows no `value`. */
function asPolicyTooLarge(error: StateError): StateError {
  if (!isStateError(error, "INVALID_RECORD") || error.details.field !== "value") return error;
  return invalid("policy", `smaller: ${error.details.rule}`);
}

export function noSuchPolicy(): StateError<"NOT_FOUND"> {
  return new StateError("NOT_FOUND", "there is no such policy", { details: {} });
}

/** The version that an earlier call with this id put. IDEMPOTENCY_CONFLICT if it says something else. */
async function putEarlier(
  transaction: Transaction,
  owner: Identity,
  eventId: string,
  content: PolicyContent,
): Promise<PolicyReceipt | undefined> {
  const found = await transaction.findByEventId(owner, eventId);
  if (found === undefined) return undefined;
  const earlier = await decodeRecord(POLICY_CODEC, { ...found, eventId });
  if (isSame(earlier, content)) return { policy: policyOf(earlier), duplicate: true };
  throw new StateError("IDEMPOTENCY_CONFLICT", "another policy was put under this id", {
    details: { change: 0 },
  });
}

function isSame({ tools, approvals, budget, metadata }: StoredPolicy, content: PolicyContent): boolean {
  return isDeepStrictEqual(
    { tools, approvals, metadata, ...(budget !== undefined && { budget }) },
    { ...content },
  );
}
