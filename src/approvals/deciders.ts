import { invalid } from "../contract/errors.js";
import type { JsonValue } from "../typed/json-value.js";
import { readFlag } from "../validation/fields.js";
import type { Approval } from "./approval.js";
import { forbidden } from "./errors.js";
import type { StoredRequest } from "./request.js";

/** What somebody wants to do with an approval. */
export interface WantedDecision {
  /** Who. */
  readonly by: string;
  /** Whether it is to be approved or denied; `extend`: an approved call is to be claimable for longer. */
  readonly decision: "approve" | "deny" | "extend";
  /** The group for which they decide. Allow it only if they belong to it. */
  readonly group?: string;
  /** The arguments that they put in place of those that were asked for. */
  readonly arguments?: JsonValue;
}

/** Returns whether `by` may decide. Only `true` allows the decision. */
export type MayDecide = (approval: Approval, wanted: WantedDecision) => boolean | Promise<boolean>;

/**
 * The rules on who may decide. They apply to `decide`, and to `extend` of what is approved, and not to `cancel` and `revoke`,
 * which take a permission away. They are not stored with the request, so every process that decides must set them.
 */
export interface DecidersOptions {
  /**
   * Called before each decision. Only `true` allows it; an error is passed on. Default: everybody may decide, except for
   * requests that name groups, which nobody may approve then.
   */
  readonly mayDecide?: MayDecide;
  /**
   * The decider must not be the requester, so every request must name a requester. Who edits the arguments is a decider.
   * Names are compared exactly: `Ann` and `ann` are different. Default false.
   */
  readonly requireOtherDecider?: boolean;
}

/** Checks who may decide. */
export class Deciders {
  readonly #mayDecide: MayDecide | undefined;
  readonly #requiresOther: boolean;

  constructor(options: DecidersOptions) {
    if ("mayDecide" in options && typeof options.mayDecide !== "function") {
      throw invalid("mayDecide", "a function");
    }
    this.#mayDecide = options.mayDecide;
    this.#requiresOther = readFlag(options, "requireOtherDecider");
  }

  /** INVALID_RECORD for a request that nobody could decide. */
  checkRequest({ requester }: StoredRequest): void {
    if (this.#requiresOther && requester === undefined)
      throw invalid("requester", "given, because requireOtherDecider is set");
  }

  /** FORBIDDEN, and the errors of `mayDecide`. */
  async check(approval: Approval, wanted: WantedDecision): Promise<void> {
    const { requester, groups } = approval;
    if (this.#requiresOther && (requester === undefined || requester === wanted.by))
      throw forbidden("requireOtherDecider");
    if (this.#mayDecide === undefined) {
      // Nobody has said that they belong to the group.
      if (groups !== undefined && wanted.decision !== "deny") throw forbidden("groups");
      return;
    }
    // The hook gets objects of its own, because it may change them.
    if ((await this.#mayDecide(approval, structuredClone(wanted))) !== true) throw forbidden("mayDecide");
  }
}
