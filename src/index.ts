// Only what a star exports is open to declaration merging under the package's own name, as DriverConfigs and
// StateErrorDetails have to be.

export * from "./contract/driver.js";
export * from "./contract/error-details.js";
export {
  type AnyStateError,
  isStateError,
  StateError,
  type StateErrorCode,
  type StateErrorOptions,
} from "./contract/errors.js";
export { LIMITS } from "./contract/limits.js";
export type { Redact, RedactedPlace, RedactOption } from "./contract/redact.js";
export * from "./contract/store.js";
export {
  type BatchEvent,
  DIAGNOSTICS,
  type Ending,
  type OperationEvent,
  type RedactionEvent,
  type RetryEvent,
} from "./diagnostics/diagnostics.js";
export { tenantIdentity, userIdentity } from "./identity/identity.js";
export { safeName } from "./identity/safe-name.js";
export { maintenanceScope, type ScopeClaim, validateScope } from "./identity/scope.js";
export { newEventId } from "./process/event-id.js";
export {
  type Decision,
  decide,
  isSeen,
  type SeenEvent,
  slotOf,
  targetOf,
  type View,
} from "./rules/decide.js";
export { isInTarget } from "./rules/erase-range.js";
export { fingerprint } from "./rules/fingerprint.js";
export {
  afterSession,
  compareByIdentity,
  compareByKind,
  compareText,
  kindRange,
  prefixEnd,
} from "./rules/order.js";
export { slotKey } from "./rules/slot-key.js";
export * from "./store/context.js";
export { createStore } from "./store/driver-store.js";
export * from "./store/registry.js";
export { type ScanKindOptions, scanKind } from "./store/scan-kind.js";
export type { StoreRuntime } from "./store/store-runtime.js";
export { type SweepOptions, type SweepReport, sweep } from "./store/sweep.js";
export { steadyNow } from "./timing/clock.js";
export { STORE_OPTIONS, type StoreOptions } from "./validation/store-options.js";
export { type RecordLimits, validateIdentity, validateRecord } from "./validation/validate.js";
export { watchByReading } from "./watch/watch-by-reading.js";
