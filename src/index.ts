// Only what a star exports is open to declaration merging under the package's own name, as DriverConfigs and
// StateErrorDetails have to be.

export { steadyNow } from "./clock.js";
export * from "./context.js";
export * from "./contract.js";
export { type Decision, decide, isSeen, type SeenEvent, slotOf, type View } from "./decide.js";
export {
  type BatchEvent,
  DIAGNOSTICS,
  type Ending,
  type OperationEvent,
  type RetryEvent,
} from "./diagnostics.js";
export * from "./driver.js";
export { createStore } from "./driver-store.js";
export * from "./error-details.js";
export {
  type AnyStateError,
  isStateError,
  StateError,
  type StateErrorCode,
  type StateErrorOptions,
} from "./errors.js";
export { newEventId } from "./event-id.js";
export { fingerprint } from "./fingerprint.js";
export { tenantIdentity, userIdentity } from "./identity.js";
export { LIMITS } from "./limits.js";
export { compareByIdentity, compareByKind, compareText, kindRange, prefixEnd } from "./order.js";
export * from "./registry.js";
export { type ScanKindOptions, scanKind } from "./scan-kind.js";
export { maintenanceScope, type ScopeClaim, validateScope } from "./scope.js";
export { slotKey } from "./slot-key.js";
export { STORE_OPTIONS, type StoreOptions } from "./store-options.js";
export type { StoreRuntime } from "./store-runtime.js";
export { type RecordLimits, validateIdentity, validateRecord } from "./validate.js";
