import { textIn } from "../../conformance/assertions/text-in.js";
import {
  CLOSEST_NAMES,
  HOSTILE_NAMES,
  LONGEST_KINDS,
  SEPARATORS,
} from "../../conformance/inputs/hostile-names.js";
import { keysDifferingIn, keysThatJoinAlike } from "../../conformance/inputs/hostile-record-keys.js";
import {
  type AnyStateError,
  isStateError,
  maintenanceScope,
  type NewRecord,
  type RecordKey,
  type SessionIdentity,
  type StateStore,
} from "../../src/index.js";

/** Somebody who has one slot, and knows an event id of a neighbour. */
export interface Caller {
  readonly place: RecordKey;
  /** Tells the caller's event ids from those of others in the tenant. Tenants of hostile names all use the same. */
  readonly prefix: string;
  readonly neighbour: string;
}

/** One for each hostile name of a user, for the closest ones in every other field, and for each way to join names. */
export const CALLERS: readonly Caller[] = [
  ...keysDifferingIn("tenant", CLOSEST_NAMES).map((place) => ({
    place,
    prefix: "everybody",
    neighbour: "nobody",
  })),
  ...neighbours(keysDifferingIn("user", HOSTILE_NAMES)),
  ...neighbours(keysDifferingIn("session", CLOSEST_NAMES)),
  ...neighbours(keysDifferingIn("run", CLOSEST_NAMES)),
  ...neighbours(keysDifferingIn("kind", [...CLOSEST_NAMES, ...LONGEST_KINDS])),
  ...neighbours(keysThatJoinAlike(SEPARATORS.slice(0, 12))),
];

/** What every payload begins with. */
export const MARK = "the payload of ";

/** The record with which a caller begins. */
export function firstOf(caller: Caller): NewRecord {
  return recordOf(caller, "first", 1);
}

/** The record with which a caller ends. */
export function lastOf(caller: Caller): NewRecord {
  return recordOf(caller, "last", 9);
}

export type Answers = readonly (readonly [question: string, answer: Answer])[];
type Answer = { readonly value: unknown } | Refusal;

/** An error as plain data, and whether anything in it shows anybody's payload. */
interface Refusal extends Pick<AnyStateError, "code" | "message" | "details" | "retryable" | "cause"> {
  readonly title: string | undefined;
  readonly shows: boolean;
}

/** All that a caller is answered who tries everything: with a record there, with none, and with one again. */
export async function answersTo(caller: Caller, store: StateStore): Promise<Answers> {
  const { place, neighbour } = caller;
  const { identity, kind } = place;
  const session = sessionOf(place);
  const [first, second, third] = [
    firstOf(caller),
    recordOf(caller, "second", 2),
    recordOf(caller, "third", 3),
  ];
  const scope = maintenanceScope({ reason: "what a tenant has", tenant: identity.tenant });
  const answers: [string, Answer][] = [];
  const ask = async (...questions: (readonly [string, Promise<unknown>])[]): Promise<void> => {
    const asked = questions.map(
      async ([what, call]): Promise<[string, Answer]> => [what, await answer(call)],
    );
    answers.push(...(await Promise.all(asked)));
  };
  const look = () =>
    ask(
      ["find", store.find(identity, kind)],
      ["load", store.load(identity, kind)],
      ["the first event", store.loadByEventId(identity, first.eventId)],
      ["the second event", store.loadByEventId(identity, second.eventId)],
      ...(isAlone(place, identityOf) ? [["list", store.list(identity, "")] as const] : []),
      ...(isAlone(place, sessionOf)
        ? [["a neighbour's event", store.loadByEventId(identity, neighbour)] as const]
        : []),
      ...(isAlone(place, tenantOf) ? [["scan", store.listKind(scope, kind)] as const] : []),
    );
  const stranger = { expect: neighbour };

  await look();
  await ask(["retry", store.save(first)]);
  await ask(["other content", store.save({ ...first, version: 7 })]);
  await ask(["into an empty slot", store.save(second, { expect: null })]);
  await ask(["onto a neighbour's event", store.save(second, stranger)]);
  await ask(["delete of a neighbour's event", store.delete(identity, kind, stranger)]);
  await ask(["overwrite", store.save(second, { expect: first.eventId })]);
  await ask(["late retry", store.save(first)], ["what is there", store.find(identity, kind)]);
  await ask(["delete", store.delete(identity, kind, { expect: second.eventId })]);
  await look();
  await ask(["delete of nothing", store.delete(identity, kind)]);
  await ask(["check of nothing", store.commit([{ op: "check", identity, kind, expect: null }])]);
  await ask(["check of a neighbour's", store.commit([{ op: "check", identity, kind, ...stranger }])]);
  await ask(["retry of what was deleted", store.save(second)]);
  if (isAlone(place, sessionOf)) {
    await ask(["erase of nothing", store.erase(session)]);
    await ask(["commit", store.commit([{ op: "save", record: third, expect: null }])]);
    await ask(["erase", store.erase(session)]);
    await ask(["what is left", store.list(identity, "")]);
    await ask(["retry of what was erased", store.save({ ...third, version: 8 })]);
  }
  await ask(["save", store.save(lastOf(caller), { expect: null })]);
  return answers;
}

function neighbours(places: readonly RecordKey[]): readonly Caller[] {
  return places.map((place, number) => ({
    place,
    prefix: `caller ${number}`,
    neighbour: `caller ${(number + 1) % places.length} first`,
  }));
}

const identityOf = ({ identity }: RecordKey) => identity;

function sessionOf({ identity }: RecordKey): SessionIdentity {
  const { run: _, ...session } = identity;
  return session;
}

const tenantOf = ({ identity }: RecordKey) => ({ tenant: identity.tenant });

/** Whether no other caller has a place with the same of it, so that the whole of it is the caller's own. */
function isAlone(place: RecordKey, of: (place: RecordKey) => object): boolean {
  return (SHARED.get(of)?.get(JSON.stringify(of(place))) ?? 0) === 1;
}

const SHARED = new Map(
  [identityOf, sessionOf, tenantOf].map((of: (place: RecordKey) => object) => {
    const counts = new Map<string, number>();
    for (const { place } of CALLERS) {
      const key = JSON.stringify(of(place));
      counts.set(key, (counts.get(key) ?? 0) + 1);
    }
    return [of, counts];
  }),
);

function recordOf({ place, prefix }: Caller, name: string, version: number): NewRecord {
  const bytes = new TextEncoder().encode(`${MARK}${JSON.stringify([place, name])}`);
  return { ...place, eventId: `${prefix} ${name}`, version, bytes, updatedAt: new Date(version) };
}

async function answer(asked: Promise<unknown>): Promise<Answer> {
  try {
    return { value: await asked };
  } catch (error) {
    if (!isStateError(error)) throw error;
    const { code, message, details, retryable, cause, stack } = error;
    const title = stack?.split("\n    at ")[0];
    return { code, message, details, retryable, cause, title, shows: textIn(error).includes(MARK) };
  }
}
