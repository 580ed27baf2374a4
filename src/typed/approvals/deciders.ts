import { invalid } from "../../errors.js";
import type { Approval } from "./approval.js";
import { forbidden } from "./errors.js";
import type { StoredRequest } from "./request.js";
import type { Settlement } from "./transitions.js";

/** Whether somebody may decide. Exactly `true` allows it. */
export type MayDecide = (
  approval: Approval,
  wanted: { readonly by: string; readonly decision: "approve" | "deny" },
) => boolean | Promise<boolean>;

export interface DecidersOptions {
  /** Asked before each decision: nothing but `true` allows it, and what it throws is passed on. Default: anybody may. */
  readonly mayDecide?: MayDecide;
  /** Whoever decides must not be the requester, so every request has to name one. Default false. */
  readonly requireOtherDecider?: boolean;
}

/** Who may decide. */
export class Deciders {
  readonly #mayDecide: MayDecide | undefined;
  readonly #other: boolean;

  constructor(options: DecidersOptions) {
    if ("mayDecide" in options && typeof options.mayDecide !== "function") {
      throw invalid("mayDecide", "a function");
    }
    if ("requireOtherDecider" in options && typeof options.requireOtherDecider !== "boolean") {
      throw invalid("requireOtherDecider", "true or false");
    }
    this.#mayDecide = options.mayDecide;
    this.#other = options.requireOtherDecider ?? false;
  }

  /** INVALID_RECORD for a request that nobody could decide. */
  checkRequest({ requester }: StoredRequest): void {
    if (this.#other && requester === undefined)
      throw invalid("requester", "named: another one has to decide");
  }

  /** FORBIDDEN, and what the hook throws. */
  async check(approval: Approval, { by, status }: Settlement): Promise<void> {
    const { requester } = approval;
    if (this.#other && (requester === undefined || requester === by)) throw forbidden("requireOtherDecider");
    if (this.#mayDecide === undefined) return;
    const decision = status === "approved" ? "approve" : "deny";
    if ((await this.#mayDecide(approval, { by, decision })) !== true) throw forbidden("mayDecide");
  }
}
