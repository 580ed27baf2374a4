import { expect, test } from "vitest";
import { type SessionIdentity, tenantIdentity, userIdentity } from "../../src/index.js";
import { newSession, type TestStore } from "../typed/stores.js";
import { everythingOf, type Method, type WrapperTable } from "./wrapper.js";

/** The field that the error names, what is wrong, and a call that is wrong in it. */
export type BadCall<W> = readonly [
  field: string,
  what: string,
  call: (wrapper: W, who: SessionIdentity) => Promise<unknown> | unknown,
];

/** Each wrong call is INVALID_RECORD, naming its field, before anything is read or written. */
export function testBadInput<W>(
  opened: TestStore,
  table: WrapperTable<W>,
  calls: readonly BadCall<W>[],
): void {
  test.each(calls)("%s is refused: %s", (...bad) => checkBadCall(opened, table, bad));

  test("an identity that is more or less than the owner's is refused by every method", async () => {
    const wrong = wrongOwners(newSession())[table.of ?? "session"];
    const wrapper = table.open(opened.store);
    const methods: Record<string, Method<W>> = { make: table.make, find: table.find, ...table.methods };
    for (const identity of wrong) {
      for (const [name, act] of Object.entries(methods)) {
        const call = (async () => act(wrapper, identity as SessionIdentity, "a"))();
        await expect(call, name).rejects.toMatchObject({
          code: expect.stringMatching(/^(INVALID_RECORD|IDENTITY_REQUIRED)$/),
        });
      }
    }
  });

  test("ids that no record can have are refused by every method", async () => {
    const wrapper = table.open(opened.store);
    const who = newSession();
    for (const id of ["", "a\0", "\ud800", "x".repeat(600), 1, undefined]) {
      for (const [name, act] of Object.entries({ make: table.make, ...table.methods })) {
        const call = (async () => act(wrapper, who, id as string))();
        await expect(call, name).rejects.toMatchObject({
          code: expect.stringMatching(/^(INVALID_RECORD|IDENTITY_REQUIRED)$/),
          details: { field: table.idField ?? "id" },
        });
      }
    }
  });
}

export async function checkBadCall<W>(
  { store }: Pick<TestStore, "store">,
  table: WrapperTable<W>,
  [field, , call]: BadCall<W>,
): Promise<void> {
  const who = newSession();
  // Nothing is stored: whatever looked there first would answer NOT_FOUND.
  await expect((async () => call(table.open(store), who))()).rejects.toMatchObject({
    code: "INVALID_RECORD",
    details: { field },
  });
  expect(await everythingOf(store, table, who, ["a"])).toEqual([]);
}

/** What is no owner of a record, by what owners are. A wrapper of a user's records takes what stands before a session. */
function wrongOwners({
  tenant,
  user,
  session,
}: SessionIdentity): Record<"session" | "user" | "tenant", unknown[]> {
  const ofTenant = [undefined, {}, { tenant: "" }, { tenant: "a\0" }, { tenant: "x".repeat(256) }];
  const ofUser = [
    ...ofTenant,
    { tenant, session },
    { tenant, user: "", session },
    { tenant, user, session, run: "r1" },
    { tenant, user, session, sesion: "s2" },
    tenantIdentity(tenant),
  ];
  const ofSession = [
    { tenant, user },
    { tenant, user, session: "" },
    userIdentity(tenant, user),
    { tenant, user: "~", session: "~" },
  ];
  return { tenant: ofTenant, user: ofUser, session: [...ofUser, ...ofSession] };
}
