import type { Identity, RecordKey } from "../../src/index.js";

const FIELDS = ["tenant", "user", "session", "run", "kind"] as const;
export type Field = (typeof FIELDS)[number];

/** Keys that differ in one field only. */
export function keysDifferingIn(field: Field, names: readonly string[]): readonly RecordKey[] {
  return names.map((name) => place({ tenant: `by ${field}`, kind: `by ${field}`, [field]: name }));
}

/** Keys that become equal when neighbouring fields are joined without an escape. */
export function keysThatJoinAlike(joiners: readonly string[]): readonly RecordKey[] {
  return joiners.flatMap((joiner, number) => {
    const pairs = FIELDS.slice(1).flatMap((second, index) => {
      const first = FIELDS[index] as Field;
      return [
        place({ [first]: `a${joiner}b`, [second]: "c" }),
        place({ [first]: "a", [second]: `b${joiner}c` }),
      ];
    });
    const user = `joined ${number}`;
    const withoutRun = [
      place({ user, session: `a${joiner}b`, run: "", kind: "c" }),
      place({ user, session: "a", run: "b", kind: "c" }),
      place({ user, session: "a", run: "", kind: `b${joiner}c` }),
    ];
    return [...pairs, ...withoutRun];
  });
}

/** Keys that become equal when joined by a separator that is escaped by a character which is not escaped itself. */
export function keysThatEscapeAlike(
  joiners: readonly string[],
  escapes: readonly string[],
): readonly RecordKey[] {
  return escapes.flatMap((mark) =>
    joiners.flatMap((joiner) => {
      const behind = [`u${joiner}v`, "s", `r${mark}`, "k"];
      const before = [`u${mark}`, "v", "s", `r${joiner}k`];
      return [FIELDS.slice(0, 4), FIELDS.slice(1)].flatMap((fields) =>
        [behind, before].map((names) =>
          place(Object.fromEntries(fields.map((field, index) => [field, names[index]]))),
        ),
      );
    }),
  );
}

function place(fields: Partial<Record<Field, string>>): RecordKey {
  const { tenant, user, session, run, kind } = {
    ...{ tenant: "joined", user: "user", session: "session", run: "run", kind: "kind" },
    ...fields,
  };
  const identity: Identity = run === "" ? { tenant, user, session } : { tenant, user, session, run };
  return { identity, kind };
}
