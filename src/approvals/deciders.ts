import { invalid } from "../contract/errors.js";
import { readFlag } from "../validation/fields.js";
import type { Approval } from "./approval.js";
import { forbidden } from "./errors.js";
import type { StoredRequest } from "./request.js";
import type { Settlement } from "./transitions.js";

/** Returns whether `by` may decide. Only `true` allows the decision. */
export type MayDecide = (
  approval: Approval,
  wanted: { readonly by: string; readonly decision: "approve" | "deny" },
) => boolean | Promise<boolean>;

/**
 * The rules on who may decide. They apply to `decide` and not to `cancel`. They are not stored with the request, so every
 * process that decides must set them.
 */
export interface DecidersOptions {
  /** Called before each decision. Only `true` allows it; an error is passed on. Default: everybody may decide. */
  readonly mayDecide?: MayDecide;
  /**
   * The decider must not be the requester, so every request must name a requester. Names are compared exactly: `Ann` and
   * `ann` are different. Default false.
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
  async check(approval: Approval, { by, status }: Settlement): Promise<void> {
    const { requester } = approval;
    if (this.#requiresOther && (requester === undefined || requester === by))
      throw forbidden("requireOtherDecider");
    if (this.#mayDecide === undefined) return;
    const decision = status === "approved" ? "approve" : "deny";
    if ((await this.#mayDecide(approval, { by, decision })) !== true) throw forbidden("mayDecide");
  }
}
