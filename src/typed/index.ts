export { type Cell, cellAt, type Stored } from "./cell.js";
export type { PutOptions, ShapeOptions, UpdateOptions, Updater } from "./cell-operations.js";
export { type Codec, type JsonOptions, json, type SchemaOptions } from "./codec.js";
export { Collection, type Item, type ItemKey, type ItemsOptions } from "./collection.js";
export {
  type AppendOptions,
  type Entry,
  Journal,
  type NewEntry,
  type ReadOptions,
  type TrimOptions,
} from "./journal.js";
export type { AppendReceipt } from "./journal-append.js";
export type { Bounds } from "./journal-bounds.js";
export type { TrimRange } from "./journal-trim.js";
export { copyJson } from "./json-copy.js";
export type { JsonInput, JsonInputOf, JsonObjectInput, JsonValue } from "./json-value.js";
export { type Operation, perform } from "./operation.js";
export { TypedSlot } from "./slot.js";
export {
  type SchemaFault,
  type SchemaIssue,
  SchemaMismatch,
  type SchemaResult,
  type StandardSchema,
} from "./standard-schema.js";
export { type TogetherOptions, together } from "./together/together.js";
export { Unit } from "./together/unit.js";
export { type Transacted, type TransactOptions, transact } from "./transact.js";
export type { Transaction } from "./transaction.js";
