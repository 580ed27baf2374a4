import type { Slot } from "groundstate";

// No name holds a NUL, so keys made of names joined by one are in the order of the names, each by its UTF-8 bytes.
const join = (...names: string[]) => names.join("\0");
/** All keys that begin with these names. */
export const within = (...names: string[]) => ({ gt: join(...names, ""), lt: `${join(...names)}\x01` });

/** Records lie in the order of a list, the index of them in that of a scan across identities. */
export const recordKey = (at: Slot) => join("record", at.tenant, at.user, at.session, at.run, at.kind);
export const indexKey = (at: Slot) => join("index", at.tenant, at.kind, at.user, at.session, at.run);
export const eventKey = (tenant: string, eventId: string) => join("event", tenant, eventId);
/** An index of the events, the one saved first in front. */
export const ageKey = (savedAt: number, event = "") => join("age", String(savedAt).padStart(16, "0"), event);
