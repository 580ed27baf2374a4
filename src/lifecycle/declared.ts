import { isDeepStrictEqual } from "node:util";
import { invalid, StateError } from "../contract/errors.js";
import { readShapeName } from "../typed/names.js";
import type { LifecycleDeclaration } from "./declaration.js";
import type { LifecycleKey, LifecycleState, Whole } from "./stored.js";

const STATUS_PATTERN = /^[a-z][a-z-]{0,31}$/;
const MAX_NAME_BYTES = 64;

/** A declaration that was checked, and what follows from it. */
export class Declared<S extends LifecycleState, C, V> {
  readonly given: LifecycleDeclaration<S, C, V>;
  readonly name: string;
  readonly contentName: string;
  /** In the order in which they follow each other. */
  readonly statuses: readonly S["status"][];
  readonly open: readonly S["status"][];
  /** The statuses in which a record can go to and fro. */
  readonly circular: readonly S["status"][];
  /** Those that expire by themselves. */
  readonly expiring: readonly S["status"][];
  readonly awaited: readonly S["status"][];

  constructor(given: LifecycleDeclaration<S, C, V>) {
    this.given = given;
    this.name = readShapeName(given.name);
    if (Buffer.byteLength(this.name) > MAX_NAME_BYTES)
      throw invalid("name", `at most ${MAX_NAME_BYTES} UTF-8 bytes`);
    this.contentName = readShapeName(given.contentName ?? "content", "contentName");
    this.statuses = readStatuses(given.transitions);
    this.open = this.statuses.filter((status) => given.transitions[status].length > 0);
    this.circular = circularOf(this.statuses, given.transitions);
    const { expired } = given;
    if (expired !== undefined && !this.statuses.includes(expired))
      throw invalid("expired", "one of the declared statuses");
    this.expiring = this.statuses.filter(
      (status) => expired !== undefined && status !== expired && this.allows(status, expired),
    );
    this.awaited = given.awaited ?? this.open;
    if (!this.awaited.every((status) => this.statuses.includes(status)))
      throw invalid("awaited", "some of the declared statuses");
    const places = given.listedBy.map((place) => `${place.under} ${"field" in place ? place.field : ""}`);
    if (!places.includes("tenant ") || new Set(places).size < places.length)
      throw invalid("listedBy", "different places, among which is the tenant without a field");
  }

  /** Whether a record of one status may change to the other. */
  allows(from: S["status"], to: S["status"]): boolean {
    return this.given.transitions[from].includes(to);
  }

  /** The status at a time: the expired one also for a record that nobody has marked yet. */
  statusAt({ status, expiresAt }: Pick<S, "status"> & { readonly expiresAt?: number }, now: number) {
    const isOver = expiresAt !== undefined && now >= expiresAt && this.expiring.includes(status);
    return isOver ? (this.given.expired as S["status"]) : status;
  }

  /** The state marked as expired; the same object if it has not expired. */
  expire(state: S, now: number): S {
    const status = this.statusAt(state, now);
    return status === state.status ? state : { ...state, status };
  }

  /** A `TypeError` for a change that the declaration does not allow: the wrapper has to refuse it with an error of its own. */
  checkTransition(from: S, to: S): void {
    if (from.createdAt !== to.createdAt)
      throw new TypeError(`a transition of ${this.name} changes createdAt`);
    if (this.allows(from.status, to.status)) return;
    throw new TypeError(`no transition of ${this.name} leads from ${from.status} to ${to.status}`);
  }

  isSame(before: Whole<S, C>, created: Whole<S, C>): boolean {
    const { isSame, withoutPayload } = this.given;
    const isBare = before.state.payloadRemovedAt !== undefined && withoutPayload !== undefined;
    const comparable = isBare ? withoutPayload(created) : created;
    return isSame ? isSame(before, comparable) : isDeepStrictEqual(before.content, comparable.content);
  }

  /** Whether a status leads nowhere. */
  isFinal(status: S["status"]): boolean {
    return !this.open.includes(status);
  }

  view(key: LifecycleKey, whole: Whole<S, C>, now: number): V {
    return this.given.view(key, whole, this.statusAt(whole.state, now));
  }

  notFound(): StateError<"NOT_FOUND"> {
    const { noun = this.name } = this.given;
    return new StateError("NOT_FOUND", `no such ${noun} in this session`, { details: {} });
  }
}

function circularOf<Status extends string>(
  statuses: readonly Status[],
  transitions: Readonly<Record<Status, readonly Status[]>>,
): readonly Status[] {
  const backwards = statuses.flatMap((from, place) =>
    transitions[from].map((to) => [statuses.indexOf(to), place] as const).filter(([to]) => to < place),
  );
  if (backwards.length === 0) return [];
  const first = Math.min(...backwards.map(([to]) => to));
  const last = Math.max(...backwards.map(([, from]) => from));
  return statuses.slice(first, last + 1);
}

function readStatuses<Status extends string>(
  transitions: Readonly<Record<Status, readonly Status[]>>,
): Status[] {
  const statuses = Object.keys(transitions) as Status[];
  for (const status of statuses) {
    if (!STATUS_PATTERN.test(status))
      throw invalid("transitions", "of statuses of lower-case letters and hyphens");
    if (!transitions[status].every((to) => statuses.includes(to)))
      throw invalid("transitions", "to statuses that are declared");
  }
  if (statuses.length === 0) throw invalid("transitions", "of at least one status");
  return statuses;
}
