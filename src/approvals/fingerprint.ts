import { isDeepStrictEqual } from "node:util";
import type { Whole } from "../lifecycle/stored.js";
import type { StoredRequest } from "./request.js";
import type { StoredState } from "./stored-approval.js";

type StoredApproval = Whole<StoredState, StoredRequest>;

/** The parts of an approval by which two requests are compared. The digest stands for the arguments, which may be large. */
export interface RequestFingerprint {
  readonly createdAt: number;
  readonly digest: string;
  readonly asked: Omit<StoredRequest, "arguments">;
}

/** Copies the fingerprint of an approval's request. */
export function copyFingerprint(approval: StoredApproval): RequestFingerprint {
  return structuredClone(fingerprintOf(approval));
}

/** Whether this is the request of the fingerprint, and not a later one under the same id. */
export function isSameRequest(approval: StoredApproval, before: RequestFingerprint): boolean {
  return isDeepStrictEqual(fingerprintOf(approval), before);
}

/** Whether both requests have the same content, at any time. */
export function isSameContent(a: StoredApproval, b: StoredApproval): boolean {
  return isDeepStrictEqual({ ...fingerprintOf(a), createdAt: 0 }, { ...fingerprintOf(b), createdAt: 0 });
}

function fingerprintOf({
  state: { createdAt, digest },
  content: { arguments: _, ...asked },
}: StoredApproval): RequestFingerprint {
  return { createdAt, digest, asked };
}
