import type { LifecycleDeclaration } from "../lifecycle/declaration.js";
import { type Approval, TRANSITIONS } from "./approval.js";
import { isSameContent } from "./fingerprint.js";
import type { StoredRequest } from "./request.js";
import {
  approvalOf,
  REQUEST_CODEC,
  STATE_CODEC,
  type StoredState,
  takeRequestOut,
} from "./stored-approval.js";

/** Approvals as a lifecycle. */
export const APPROVAL: LifecycleDeclaration<StoredState, StoredRequest, Approval> = {
  name: "approval",
  contentName: "request",
  transitions: TRANSITIONS,
  expired: "expired",
  awaited: ["pending"],
  listedBy: [{ under: "session" }, { under: "tenant" }],
  stateCodec: STATE_CODEC,
  contentCodec: REQUEST_CODEC,
  largeFields: ["arguments", "sender"],
  view: approvalOf,
  isSame: isSameContent,
  takeApart: takeRequestOut,
};
