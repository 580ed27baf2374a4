import { StateError } from "../../contract/errors.js";

declare module "../../contract/error-details.js" {
  interface StateErrorDetails {
    /**
     * A key that stored data needs is not there. `key` is the name of a key-encryption key, or the id of a data key; `reason` says
     * whether it was not given or was destroyed (`missing`), or is another key of that name (`wrong`).
     */
    KEY_UNAVAILABLE: { readonly key: string; readonly reason: "missing" | "wrong" };
  }
}

export function keyMissing(key: string): StateError<"KEY_UNAVAILABLE"> {
  const message = `the key ${JSON.stringify(key)} is needed, and is not there`;
  return new StateError("KEY_UNAVAILABLE", message, { details: { key, reason: "missing" } });
}

export function keyWrong(key: string, cause?: unknown): StateError<"KEY_UNAVAILABLE"> {
  const message = `the key ${JSON.stringify(key)} is not the one that this data was sealed with`;
  return new StateError("KEY_UNAVAILABLE", message, { details: { key, reason: "wrong" }, cause });
}
