import type { UserIdentity } from "../contract/store.js";

/** From which user to which. */
export interface Owners {
  readonly from: UserIdentity;
  readonly to: UserIdentity;
}
