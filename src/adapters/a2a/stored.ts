import type { ServerCallContext } from "@a2a-js/sdk/server";
import type { SessionIdentity } from "../../contract/store.js";
import { mappedJson } from "../../typed/codec.js";
import type { JsonValue } from "../../typed/json-value.js";
import { readNamed } from "../../validation/validate.js";
import { fromJsonWithBytes, toJsonWithBytes } from "../json-with-bytes.js";
import { type Owner, readOwnSession } from "../owner.js";

/** The options of the stores for A2A. */
export interface A2AStoreOptions {
  /** Whose a call is: `{ tenant, user }`, or a function of the call's context, such as of its authenticated user. */
  readonly owner: Owner<ServerCallContext>;
}

/** Checks the options. Everything of an owner lies in the session `a2a`. */
export function readSession(options: A2AStoreOptions): (context: ServerCallContext) => SessionIdentity {
  readNamed(options, "options", ["owner"]);
  return readOwnSession(options.owner, "a2a");
}

/** Values of the protocol are JSON and buffers. */
export function protocolCodec<T>(field: string) {
  return mappedJson<T>({
    write: (value) => toJsonWithBytes(value, field),
    read: (value) => fromJsonWithBytes(value as JsonValue, (buffer) => buffer) as T,
  });
}
