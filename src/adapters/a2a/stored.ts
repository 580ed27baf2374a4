import type { ServerCallContext } from "@a2a-js/sdk/server";
import type { SessionIdentity, UserIdentity } from "../../contract/store.js";
import { mappedJson } from "../../typed/codec.js";
import type { JsonValue } from "../../typed/json-value.js";
import { fromJsonWithBytes, toJsonWithBytes } from "../json-with-bytes.js";
import type { Owner } from "../owner.js";

/** The options of the stores for A2A. */
export interface A2AStoreOptions {
  /** Whose a call is: `{ tenant, user }`, or a function of the call's context, such as of its authenticated user. */
  readonly owner: Owner<ServerCallContext>;
}

/** Everything of an owner lies in one session of this name. */
export function sessionOf(owner: UserIdentity): SessionIdentity {
  return { ...owner, session: "a2a" };
}

/** Values of the protocol are JSON and buffers. */
export function protocolCodec<T>(field: string) {
  return mappedJson<T>({
    write: (value) => toJsonWithBytes(value, field),
    read: (value) => fromJsonWithBytes(value as JsonValue, (buffer) => buffer) as T,
  });
}
