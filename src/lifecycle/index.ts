export type {
  LaterPart,
  LifecycleDeclaration,
  Made,
  Owner,
  Place,
  PlaceOfAll,
  PlaceOfField,
} from "./declaration.js";
export { Lifecycle, type LifecycleOptions, type RecoverOptions } from "./lifecycle.js";
export type { NextOptions, NextTransition } from "./next.js";
export type {
  CountOptions,
  ExpireOptions,
  ListedOf,
  ListRecordsOptions,
  LocateOptions,
  RecordPage,
  WaitOptions,
} from "./options.js";
export type { Created, WriteOptions } from "./records.js";
export type { Repeatable } from "./repeat.js";
export type { ContentRecord, LifecycleKey, LifecycleState, Moment, Transition, Whole } from "./stored.js";
