import fc from "fast-check";
import type { Identity } from "../../src/contract/store.js";
import type { Place } from "../differential/model.js";

/** What a client does next. What it asks in full, it decides when it knows what came before. */
export type ClientStep =
  | { readonly do: "find"; readonly place: number }
  | { readonly do: "list"; readonly place: number }
  | { readonly do: "erase"; readonly place: number }
  | { readonly do: "load an event"; readonly back: number }
  | { readonly do: "commit"; readonly changes: readonly Draft[] }
  /** A commit that somebody made before: as it was, or under the same event ids and yet another. */
  | {
      readonly do: "again";
      readonly back: number;
      readonly with: "nothing new" | "other bytes" | "one more";
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

const PLACES = 4;
const place = fc.constantFrom(0, 0, 1, 1, 2, 3);

const draft: fc.Arbitrary<Draft> = fc.record({
  op: fc.constantFrom<Draft["op"][]>("save", "save", "save", "save", "delete", "check"),
  place,
  expect: fc.constantFrom<Draft["expect"][]>(
    "anything",
    "anything",
    "nothing",
    "what it saw",
    "what it saw",
    "what it saw before",
  ),
});

const several = fc.uniqueArray(draft, { minLength: 2, maxLength: PLACES, selector: ({ place }) => place });

const planned: fc.Arbitrary<ClientStep> = fc.oneof(
  { weight: 7, arbitrary: fc.record({ do: fc.constant("find" as const), place }) },
  { weight: 3, arbitrary: fc.record({ do: fc.constant("list" as const), place }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant("erase" as const), place }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant("load an event" as const), back: fc.nat(5) }) },
  { weight: 7, arbitrary: draft.map((one): ClientStep => ({ do: "commit", changes: [one] })) },
  { weight: 5, arbitrary: several.map((changes): ClientStep => ({ do: "commit", changes })) },
  {
    weight: 4,
    arbitrary: fc.record({
      do: fc.constant("again" as const),
      back: fc.nat(8),
      with: fc.constantFrom(
        "nothing new" as const,
        "nothing new" as const,
        "other bytes" as const,
        "one more" as const,
      ),
    }),
  },
);

export function plans(clients: number, steps: number): fc.Arbitrary<Plan> {
  const script = fc.array(planned, { minLength: Math.ceil(steps / 2), maxLength: steps, size: "max" });
  return fc.array(script, { minLength: clients, maxLength: clients });
}
