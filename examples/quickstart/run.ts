import type { Identity, SessionIdentity } from "groundstate";

/** One run of one session. */
export type Run = Required<Identity>;

export function sessionOf({ tenant, user, session }: Run): SessionIdentity {
  return { tenant, user, session };
}
