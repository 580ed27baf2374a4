import type { Item } from "@langchain/langgraph-checkpoint";
import { invalid } from "../../contract/errors.js";
import { LIMITS } from "../../contract/limits.js";
import { safeName } from "../../identity/safe-name.js";
import { mappedJson } from "../../typed/codec.js";
import type { JsonValue } from "../../typed/json-value.js";
import { digestOf } from "../../typed/names.js";

/** An item as it is stored. Times are milliseconds since 1970. */
export interface StoredItem {
  readonly namespace: readonly string[];
  readonly key: string;
  readonly value: Readonly<Record<string, JsonValue>>;
  readonly createdAt: number;
  readonly updatedAt: number;
  readonly expiresAt?: number;
}

export const ITEMS = "langgraph.item/";
export const VECTORS = "langgraph.vector/";
/** Between the labels of a namespace and a key: no label becomes this, for a `%` is escaped. */
const KEY = "%key/";
/** What follows it sorts after every key. */
const AFTER_KEYS = "%key0";

export const ITEM_CODEC = mappedJson<StoredItem>({
  write: (item) => item as unknown as JsonValue,
  read: (value) => value as StoredItem,
});

/** The end of the kinds of everything in a namespace and those below it. INVALID_RECORD if it is too long. */
export function pathOf(namespace: readonly string[]): string {
  const path = namespace.map((label) => `${safeName(label)}/`).join("");
  const room = LIMITS.kindBytes - VECTORS.length - KEY.length - digestOf("").length;
  if (Buffer.byteLength(path) > room) throw invalid("namespace", `of at most ${room} bytes`);
  return path;
}

/** The end of the kinds of an item and of its vectors. */
export function itemPath(namespace: readonly string[], key: string): string {
  const path = pathOf(namespace) + KEY;
  const name = safeName(key);
  const fits = Buffer.byteLength(path + name) <= LIMITS.kindBytes - VECTORS.length;
  return path + (fits ? name : digestOf(key));
}

/** The end of the kinds of the items of a namespace alone. */
export function keysIn(namespace: readonly string[]): string {
  return pathOf(namespace) + KEY;
}

/** A bound after the items of a namespace, and before those of the namespaces below it that follow. */
export function afterKeys(namespace: readonly string[]): string {
  return pathOf(namespace) + AFTER_KEYS;
}

export function isLive({ expiresAt }: StoredItem, now: number): boolean {
  return expiresAt === undefined || expiresAt > now;
}

export function itemOf({ namespace, key, value, createdAt, updatedAt }: StoredItem): Item {
  return {
    namespace: [...namespace],
    key,
    value: value as Item["value"],
    createdAt: new Date(createdAt),
    updatedAt: new Date(updatedAt),
  };
}
