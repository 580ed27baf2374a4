import { expect } from "vitest";

/** Expects that every call is rejected with this error; says which was not. */
export async function expectAllRejected(
  calls: Readonly<Record<string, () => Promise<unknown>>>,
  refusal: object,
): Promise<void> {
  const answers = await Promise.allSettled(Object.values(calls).map((call) => call()));
  const named = Object.fromEntries(Object.keys(calls).map((name, index) => [name, answers[index]]));
  const expected = { status: "rejected", reason: expect.objectContaining(refusal) };
  expect(named).toEqual(Object.fromEntries(Object.keys(calls).map((name) => [name, expected])));
}
