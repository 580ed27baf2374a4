import type { Identity, StateStore } from "../contract/store.js";
import { tenantIdentity, userIdentity } from "../identity/identity.js";
import type { Cell } from "../typed/cell.js";
import { mappedJson } from "../typed/codec.js";
import { Collection } from "../typed/collection.js";
import { digestOf } from "../typed/names.js";
import { timeKey } from "../typed/time.js";
import { readObject } from "../validation/validate.js";
import { readText } from "../validation/validate-text.js";
import { ENTRY_CODEC, type StoredEntry } from "./entry.js";
import { readEntryId } from "./entry-id.js";
import { entryKeys, type IdMarker, type Marker, reservationMarker } from "./markers.js";
import { readSums, type Sums, writeSums } from "./usage.js";

/** What is summed under one name: of a day or for ever. */
export interface Rollup {
  /** What the group is called; missing where it has no name: no run name, or a session that was forgotten. */
  readonly key?: string;
  /** Of a session, whose it is. */
  readonly user?: string;
  readonly sums: Sums;
}

/** A rollup that an entry is part of. */
export interface RollupCell extends Omit<Rollup, "sums"> {
  readonly cell: Cell<Rollup>;
}

/** What entries are summed by, day by day. */
export type Dimension = "day" | "provider" | "model" | "user" | "session" | "runName" | `tag.${string}`;

const MAX_NAME_BYTES = 512;
/** Shorter than any digest. */
const NO_NAME = "none";

const ROLLUP_CODEC = mappedJson<Rollup>({
  write: ({ sums, ...definedNames }) => ({ ...definedNames, sums: writeSums(sums) }),
  read(value) {
    const { key, user, sums } = readObject(value, "rollup") as Record<string, unknown>;
    return { ...definedNames({ key, user }), sums: readSums(sums) };
  },
});

const MARKER_CODEC = mappedJson<Marker>({
  write: (marker) => ({ ...marker }),
  read(value) {
    const { entry, content } = readObject(value, "marker") as Record<string, unknown>;
    return { entry: readEntryId(entry, "entry"), ...definedNames({ content }) };
  },
});

/**
 * Where a ledger keeps what. Under the user: entries by session and run, the times they were made at, the ids they were
 * recorded by, what runs, sessions and the user used in all. Under the tenant: what was used on each day (UTC) and in
 * all. Names are hashed into kinds, so that they fit, and so that what names a session can be removed.
 */
export class LedgerCells {
  readonly entries: Collection<StoredEntry>;
  /** The id of each entry under its time; a user's, whatever the session. */
  readonly times: Collection<string>;
  readonly markers: Collection<Marker>;
  readonly totals: Collection<Rollup>;
  readonly days: Collection<Rollup>;

  constructor(store: StateStore) {
    this.entries = new Collection(store, "ledger.entry", { codec: ENTRY_CODEC });
    this.times = new Collection(store, "ledger.time", {
      codec: mappedJson({ write: (id) => id, read: (id) => readEntryId(id, "id") }),
    });
    this.markers = new Collection(store, "ledger.seen", { codec: MARKER_CODEC });
    this.totals = new Collection(store, "ledger.total", { codec: ROLLUP_CODEC });
    this.days = new Collection(store, "ledger.day", { codec: ROLLUP_CODEC });
  }

  /** Everything an entry adds to: what names its session, and the rest. */
  rollups(
    { tenant, user }: EntryOwner,
    entry: StoredEntry,
  ): { readonly ofSession: readonly RollupCell[]; readonly others: readonly RollupCell[] } {
    const { session, run } = entry;
    const day = dayOf(entry.at);
    const ofTenant = tenantIdentity(tenant);
    const daily = (dimension: Dimension, key?: string, of?: string): RollupCell => ({
      cell: this.days.at(ofTenant, dayId(dimension, day, key, of)),
      ...definedNames({ key, user: of }),
    });
    const total = (scope: Scope): RollupCell => ({ cell: this.totalOf(scope) });
    const others = [
      daily("day"),
      daily("provider", entry.provider),
      daily("model", entry.model),
      daily("user", user),
      daily("runName", entry.runName),
      ...entry.tags.map(([name, value]) => daily(tagDimension(name), value)),
      total({ tenant }),
      ...(user === undefined ? [] : [total({ tenant, user })]),
    ];
    if (session === undefined || user === undefined) return { ofSession: [daily("session")], others: others };
    const ofSession = [daily("session", session, user), total({ tenant, user, session })];
    if (run !== undefined) ofSession.push(total({ tenant, user, session, run }));
    return { ofSession, others: others };
  }

  /** What a tenant, a user, a session or a run used in all. */
  totalOf(scope: Scope): Cell<Rollup> {
    return this.totals.at(scopeOwner(scope), scopeId(scope));
  }

  /** What remembers the ids that an entry is recorded under. */
  markersOf(owner: EntryOwner, entry: StoredEntry, isTimeGiven: boolean): IdMarker[] {
    const identity = ownerOfEntries(owner);
    return entryKeys(entry, isTimeGiven).map((own) => ({ ...own, cell: this.markers.at(identity, own.id) }));
  }

  /** What remembers that a reservation was settled. */
  settlementMarker(owner: Identity, reservation: string): Cell<Marker> {
    return this.markers.at(ownerOfEntries(owner), reservationMarker(owner.session, reservation));
  }
}

/** What can be summed and limited: a tenant, one of its users, a session of theirs, a run of that. */
export interface Scope {
  /** The tenant; alone, all of it. */
  readonly tenant: string;
  /** One of its users. */
  readonly user?: string;
  /** A session of the user. */
  readonly session?: string;
  /** A run of the session. */
  readonly run?: string;
}

/** Where a scope's totals and budget lie: in no session, so that they outlive it. */
export function scopeOwner({ tenant, user }: Scope): Identity {
  return user === undefined ? tenantIdentity(tenant) : userIdentity(tenant, user);
}

export function scopeId({ user, session, run }: Scope): string {
  if (user === undefined) return "tenant";
  if (session === undefined) return "user";
  return run === undefined ? `session/${digestOf(session)}` : `run/${digestOf(session)}/${digestOf(run)}`;
}

/** Whose entries: a user's, or those of all users who were forgotten. */
export type EntryOwner = Pick<Scope, "tenant" | "user">;

/** The identity that entries lie under. */
export function ownerOfEntries({ tenant, user }: EntryOwner): Identity {
  return scopeOwner(user === undefined ? { tenant } : { tenant, user });
}

/** A day in UTC, `2026-01-31`. */
export function dayOf(time: number): string {
  return timeKey(time).slice(0, 10);
}

/** The ids of the rollups of some days, from the first to the last; absent: without an end. */
export function daysRange(dimension: Dimension, { first, last }: DayRange) {
  return {
    prefix: `${dimension}/`,
    ...(first === undefined ? {} : { after: `${dimension}/${first}` }),
    // A slash follows the day, which is less than a tilde.
    ...(last === undefined ? {} : { before: `${dimension}/${last}~` }),
  };
}

/** Whole days, both of them included. */
export interface DayRange {
  readonly first?: string;
  readonly last?: string;
}

/** The day of a rollup's id. */
export function dayOfId(id: string): string {
  return id.split("/")[1] as string;
}

/** Whether it is the rollup of what has no name. */
export function isNameless(id: string): boolean {
  return id.endsWith(`/${NO_NAME}`);
}

export function tagDimension(name: string): Dimension {
  return `tag.${digestOf(name)}`;
}

function dayId(dimension: Dimension, day: string, ...key: readonly (string | undefined)[]): string {
  const name = key.filter((part) => part !== undefined);
  return `${dimension}/${day}/${name.length === 0 ? NO_NAME : digestOf(...name)}`;
}

/** Without the names that are missing. */
function definedNames<N extends string>(
  given: { readonly [K in N]: unknown },
): { readonly [K in N]?: string } {
  const entries = Object.entries(given).filter(([, name]) => name !== undefined);
  for (const [field, name] of entries) readText(name, field, MAX_NAME_BYTES);
  return Object.fromEntries(entries) as { [K in N]?: string };
}
