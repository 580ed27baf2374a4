export * from "./context.js";
export * from "./contract.js";
export { type Decision, decide, isSeen, type SeenEvent, slotOf, type View } from "./decide.js";
export * from "./driver.js";
export { createStore, type StoreOptions, type StoreRuntime } from "./driver-store.js";
export {
  type AnyStateError,
  isStateError,
  StateError,
  type StateErrorCode,
  type StateErrorDetails,
  type StateErrorOptions,
  type UnavailableReason,
} from "./errors.js";
export { newEventId } from "./event-id.js";
export { tenantIdentity, userIdentity } from "./identity.js";
export { LIMITS } from "./limits.js";
export { compareByIdentity, compareByKind, compareText, kindRange, prefixEnd } from "./order.js";
// A star, because only what a star exports is open to declaration merging under the package's own name.
export * from "./registry.js";
export { type ScanKindOptions, scanKind } from "./scan-kind.js";
export { maintenanceScope, type ScopeClaim, validateScope } from "./scope.js";
export { slotKey } from "./slot-key.js";
export { type RecordLimits, validateIdentity, validateRecord } from "./validate.js";
