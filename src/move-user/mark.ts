import type { CallOptions, StateStore, UserIdentity } from "../contract/store.js";
import { userIdentity } from "../identity/identity.js";
import { type Cell, cellAt } from "../typed/cell.js";
import { findCell, putCell } from "../typed/cell-operations.js";
import { mappedJson } from "../typed/codec.js";
import { readNamed, readObject, readOptions } from "../validation/validate.js";
import { readName } from "../validation/validate-text.js";

/** Where a user went. */
export interface MovedTo {
  /** The other user of the same tenant. */
  readonly user: string;
  /** When `moveUser` was called first. */
  readonly at: Date;
}

/** The kind of the mark, under the user's own identity. */
export const MARK = "move-user.to";

/**
 * Where a user was moved; `undefined` for one who was not. A program that meets data of the old user, or a call for it, finds
 * the new one here. `forgetUser` removes it.
 *
 * @example
 * ```ts
 * import { movedTo } from "groundstate/move-user";
 *
 * const moved = await movedTo(store, { tenant: "acme", user: "anon-1" });
 * console.log(moved?.user);
 * ```
 */
export async function movedTo(
  store: StateStore,
  user: UserIdentity,
  options?: CallOptions,
): Promise<MovedTo | undefined> {
  const { signal } = readOptions(options, ["signal"]) as CallOptions;
  const { tenant, user: name } = readNamed(user, "user", ["tenant", "user"]) as UserIdentity;
  const found = await findCell(store, markCell({ tenant, user: name }), { signal });
  return found && { user: found.value.user, at: found.updatedAt };
}

/** Says where a user goes. */
export async function mark(
  store: StateStore,
  from: UserIdentity,
  to: string,
  options: CallOptions,
): Promise<void> {
  await putCell(store, markCell(from), { user: to }, options);
}

function markCell({ tenant, user }: UserIdentity): Cell<Pick<MovedTo, "user">> {
  return cellAt(userIdentity(tenant, user), MARK, CODEC);
}

const CODEC = mappedJson<Pick<MovedTo, "user">>({
  write: ({ user }) => ({ user }),
  read: (value) => ({ user: readName((readObject(value, "mark") as Partial<MovedTo>).user, "user") }),
});
