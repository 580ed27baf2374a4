import { invalid } from "../contract/errors.js";
import type { Approval } from "./approval.js";
import { forbidden } from "./errors.js";
import { readFlag, type StoredRequest } from "./request.js";
import type { Settlement } from "./transitions.js";

/** Whether somebody may decide. Exactly `true` allows it. */
export type MayDecide = (
  approval: Approval,
  wanted: { readonly by: string; readonly decision: "approve" | "deny" },
) => boolean | Promise<boolean>;

/**
 * Who may decide is asked for `decide` and not for `cancel`. The rules are those of the process that decides and are not
 * kept with the request: every process that decides needs them.
 */
export interface DecidersOptions {
  /** Asked before each decision: nothing but `true` allows it, and what it throws is passed on. Default: anybody may. */
  readonly mayDecide?: MayDecide;
  /**
   * Whoever decides must not be the requester, so every request has to name one. The names are compared as they are:
   * `Ann` is another one than `ann`. Default false.
   */
  readonly requireOtherDecider?: boolean;
}

/** Who may decide. */
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
      throw invalid("requester", "named: another one has to decide");
  }

  /** FORBIDDEN, and what the hook throws. */
  async check(approval: Approval, { by, status }: Settlement): Promise<void> {
    const { requester } = approval;
    if (this.#requiresOther && (requester === undefined || requester === by))
      throw forbidden("requireOtherDecider");
    if (this.#mayDecide === undefined) return;
    const decision = status === "approved" ? "approve" : "deny";
    if ((await this.#mayDecide(approval, { by, decision })) !== true) throw forbidden("mayDecide");
  }
}
