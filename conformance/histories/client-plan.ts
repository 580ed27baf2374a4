import type { Identity } from "../../src/index.js";
import type { Choices } from "./choices.js";
import type { Place } from "./model.js";

/** What a client does next. What it asks in full, it decides when it knows what came before. */
export type ClientStep =
  | { readonly do: "find"; readonly place: number }
  | { readonly do: "list"; readonly place: number }
  | { readonly do: "scan"; readonly place: number }
  | { readonly do: "count"; readonly place: number }
  | { readonly do: "erase"; readonly place: number }
  | { readonly do: "erase a prefix"; readonly place: number }
  | { readonly do: "load an event"; readonly back: number }
  | { readonly do: "commit"; readonly changes: readonly Draft[] }
  /** A commit that somebody made before: as it was, under the same event ids and yet another, or one of its ids elsewhere. */
  | {
      readonly do: "again";
      readonly back: number;
      readonly with: "nothing new" | "other bytes" | "one more" | "elsewhere";
    };

export interface Draft {
  readonly op: "save" | "delete" | "check";
  readonly place: number;
  readonly expect: "anything" | "nothing" | "what it saw" | "what it saw before";
}

/** For each client, what it does. */
export type Plan = readonly (readonly ClientStep[])[];

/** Few, so that clients meet: two in one identity, one in a run of the same session, one in another session. */
export function placesOf(tenant: string): readonly Place[] {
  const first: Identity = { tenant, user: "ann", session: "s1" };
  return [
    { identity: first, kind: "x" },
    { identity: first, kind: "y" },
    { identity: { ...first, run: "r" }, kind: "x" },
    { identity: { ...first, session: "s2" }, kind: "x" },
  ];
}

const PLACES = [0, 0, 1, 2, 3, 3];
const EXPECTATIONS: readonly Draft["expect"][] = [
  ...(["anything", "anything", "nothing"] as const),
  ...(["what it saw", "what it saw", "what it saw before"] as const),
];
const OPS: readonly Draft["op"][] = ["save", "save", "save", "save", "delete", "check", "check"];

/** What so many clients do, each half as many steps at least. */
export function planOf(choices: Choices, clients: number, steps: number): Plan {
  return Array.from({ length: clients }, () =>
    Array.from({ length: choices.between(Math.ceil(steps / 2), steps) }, () => stepOf(choices)),
  );
}

function stepOf(choices: Choices): ClientStep {
  const place = choices.of(PLACES);
  return choices.weighted<ClientStep>([
    [7, () => ({ do: "find", place })],
    [3, () => ({ do: "list", place })],
    [1, () => ({ do: "scan", place })],
    [1, () => ({ do: "count", place })],
    [1, () => ({ do: "erase", place })],
    [1, () => ({ do: "erase a prefix", place })],
    [1, () => ({ do: "load an event", back: choices.below(6) })],
    [7, () => ({ do: "commit", changes: [draftOf(choices, place)] })],
    [5, () => ({ do: "commit", changes: severalOf(choices) })],
    [
      4,
      () => ({
        do: "again",
        back: choices.below(9),
        with: choices.of(["nothing new", "nothing new", "other bytes", "one more", "elsewhere"] as const),
      }),
    ],
  ]);
}

/** Drafts of two places at least, each another one. */
function severalOf(choices: Choices): readonly Draft[] {
  return choices.some(PLACES, choices.between(2, 4)).map((place) => draftOf(choices, place));
}

function draftOf(choices: Choices, place: number): Draft {
  return { op: choices.of(OPS), place, expect: choices.of(EXPECTATIONS) };
}
