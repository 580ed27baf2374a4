import type { Identity, StateStore } from "../contract/store.js";
import { tenantIdentity, userIdentity } from "../identity/identity.js";
import type { Cell } from "../typed/cell.js";
import { mappedJson } from "../typed/codec.js";
import { Collection } from "../typed/collection.js";
import { digestOf } from "../typed/names.js";
import { timeKey } from "../typed/time.js";
import { readObject } from "../validation/validate.js";
import { readText } from "../validation/validate-text.js";
import type { StoredEntry } from "./entry.js";
import { ENTRY_CODEC } from "./entry-codec.js";
import { readEntryId } from "./entry-id.js";
import { entryKeys, type IdMarker, type Marker, reservationMarker } from "./markers.js";
import { readSums, type Sums, writeSums } from "./usage.js";

/** The sums of one group, of a day or in all. */
export interface Rollup {
  /** The group's name. Absent for entries without a run name, and for sessions that were forgotten. */
  readonly key?: string;
  /** The user of a session's group. */
  readonly user?: string;
  readonly sums: Sums;
}

/** The cell of a rollup, with its names. */
export interface RollupCell extends Omit<Rollup, "sums"> {
  readonly cell: Cell<Rollup>;
}

/** The dimensions of the daily rollups. */
export type Dimension = "day" | "provider" | "model" | "user" | "session" | "runName" | `tag.${string}`;

const MAX_NAME_BYTES = 512;
/** Stands for a missing name. Shorter than a digest, so it cannot be one. */
const NO_NAME = "none";

/** Version 0 had no sums by name. */
const ROLLUP_CODEC = mappedJson<Rollup>({
  version: 1,
  write: ({ sums, ...definedNames }) => ({ ...definedNames, sums: writeSums(sums) }),
  read(value) {
    const { key, user, sums } = readObject(value, "rollup") as Record<string, unknown>;
    return { ...definedNames({ key, user }), sums: readSums(sums) };
  },
});

const MARKER_CODEC = mappedJson<Marker>({
  write: (marker) => ({ ...marker }),
  read(value) {
    const { entry, content, user } = readObject(value, "marker") as Record<string, unknown>;
    return { entry: readEntryId(entry, "entry"), ...definedNames({ content, user }) };
  },
});

/**
 * The collections of a ledger. Under the user: the entries by session and run, their times, the markers of their ids, and
 * the totals of the user, its sessions and runs. Under the tenant: the rollups of each day (UTC) and the total. Kinds
 * contain hashes instead of names, so that names of any length fit and no kind names a session that was forgotten.
 */
export class LedgerCells {
  readonly entries: Collection<StoredEntry>;
  /** The id of each entry by its time, for all sessions of a user. */
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

  /** The rollups that an entry adds to: those that name its session, and the others. */
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

  /** The total of a tenant, a user, a session or a run. */
  totalOf(scope: Scope): Cell<Rollup> {
    return this.totals.at(scopeOwner(scope), scopeId(scope));
  }

  /** The markers of the ids that an entry is recorded under. */
  markersOf(owner: EntryOwner, entry: StoredEntry, isTimeGiven: boolean): IdMarker[] {
    const identity = ownerOfEntries(owner);
    return entryKeys(entry, isTimeGiven).map((own) => ({ ...own, cell: this.markers.at(identity, own.id) }));
  }

  /** The marker of a reservation that was settled. */
  settlementMarker(owner: Identity, reservation: string): Cell<Marker> {
    return this.markers.at(ownerOfEntries(owner), reservationMarker(owner.session, reservation));
  }
}

/** A tenant, one of its users, one of the user's sessions, or a run of the session. */
export interface Scope {
  /** The tenant. Alone, it means the whole tenant. */
  readonly tenant: string;
  /** One of its users. */
  readonly user?: string;
  /** A session of the user. */
  readonly session?: string;
  /** A run of the session. */
  readonly run?: string;
}

/** The identity of a scope's totals and budget. It is never a session's, so that they outlive the session. */
export function scopeOwner({ tenant, user }: Scope): Identity {
  return user === undefined ? tenantIdentity(tenant) : userIdentity(tenant, user);
}

export function scopeId({ user, session, run }: Scope): string {
  if (user === undefined) return "tenant";
  if (session === undefined) return "user";
  return run === undefined ? `session/${digestOf(session)}` : `run/${digestOf(session)}/${digestOf(run)}`;
}

/** The prefix of the ids of a session's runs. */
export function runsOf(session: string): string {
  return `run/${digestOf(session)}/`;
}

/** The owner of entries: a user, or the tenant alone for the entries of forgotten users. */
export type EntryOwner = Pick<Scope, "tenant" | "user">;

/** The identity that entries are stored under. */
export function ownerOfEntries({ tenant, user }: EntryOwner): Identity {
  return scopeOwner(user === undefined ? { tenant } : { tenant, user });
}

/** A day in UTC, `2026-01-31`. */
export function dayOf(time: number): string {
  return timeKey(time).slice(0, 10);
}

/** The range of the ids of daily rollups, from the first to the last day. An absent day means no bound. */
export function daysRange(dimension: Dimension, { first, last }: DayRange) {
  return {
    prefix: `${dimension}/`,
    ...(first === undefined ? {} : { after: `${dimension}/${first}` }),
    // In ids a slash follows the day, and a slash sorts before a tilde.
    ...(last === undefined ? {} : { before: `${dimension}/${last}~` }),
  };
}

/** Whole days, both ends included. */
export interface DayRange {
  readonly first?: string;
  readonly last?: string;
}

/** The first moment of a day in UTC. */
export function dayStart(day: string): number {
  return Date.parse(`${day}T00:00:00Z`);
}

/** The day that a rollup's id contains. */
export function dayOfId(id: string): string {
  return id.split("/")[1] as string;
}

/** Whether the id is that of a rollup without a name. */
export function isNameless(id: string): boolean {
  return id.endsWith(`/${NO_NAME}`);
}

export function tagDimension(name: string): Dimension {
  return `tag.${digestOf(name)}`;
}

/** The id of the rollup of a name on a day; of a session, of its name and its user. */
export function dayId(dimension: Dimension, day: string, ...key: readonly (string | undefined)[]): string {
  const name = key.filter((part) => part !== undefined);
  return `${dimension}/${day}/${name.length === 0 ? NO_NAME : digestOf(...name)}`;
}

/** Checks names and leaves out those that are undefined. */
function definedNames<N extends string>(
  given: { readonly [K in N]: unknown },
): { readonly [K in N]?: string } {
  const entries = Object.entries(given).filter(([, name]) => name !== undefined);
  for (const [field, name] of entries) readText(name, field, MAX_NAME_BYTES);
  return Object.fromEntries(entries) as { [K in N]?: string };
}
