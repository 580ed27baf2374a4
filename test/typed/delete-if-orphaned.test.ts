import { expect, test } from "vitest";
import { newEventId, userIdentity } from "../../src/index.js";
import { deleteIfOrphaned } from "../../src/typed/delete-if-orphaned.js";
import { newSession, onEveryStore } from "./stores.js";

onEveryStore((opened) => {
  const bytes = Buffer.from("x");

  /** An entry of a user's that points at a record of a session. */
  const pointing = async () => {
    const who = newSession();
    const owner = { identity: who, kind: "record" };
    const entry = { identity: userIdentity(who.tenant, who.user), kind: "entry", eventId: newEventId() };
    const record = { ...owner, bytes, eventId: newEventId() };
    await opened.store.save({ ...entry, bytes });
    const isThere = async () => (await opened.store.find(entry.identity, entry.kind)) !== undefined;
    return { owner, entry, record, isThere };
  };

  test("an entry that points at nothing is deleted, and a second call finds none", async () => {
    const { owner, entry, isThere } = await pointing();
    const nothing = { ...owner, eventId: null };
    expect(await deleteIfOrphaned(opened.store, entry, nothing)).toEqual({ is: "deleted" });
    expect(await isThere()).toBe(false);
    expect(await deleteIfOrphaned(opened.store, entry, nothing)).toEqual({ is: "kept", for: "entry" });
  });

  test("an entry whose record exists is kept, although a read missed it", async () => {
    const { owner, entry, record, isThere } = await pointing();
    await opened.store.save(record);
    const nothing = { ...owner, eventId: null };
    expect(await deleteIfOrphaned(opened.store, entry, nothing)).toEqual({ is: "kept", for: "owner" });
    const another = { ...owner, eventId: newEventId() };
    expect(await deleteIfOrphaned(opened.store, entry, another)).toEqual({ is: "kept", for: "owner" });
    expect(await isThere()).toBe(true);
    expect(await deleteIfOrphaned(opened.store, entry, record)).toEqual({ is: "deleted" });
  });

  test("an entry that was written again is kept", async () => {
    const { owner, entry, isThere } = await pointing();
    await opened.store.save({ ...entry, eventId: newEventId(), bytes });
    const nothing = { ...owner, eventId: null };
    expect(await deleteIfOrphaned(opened.store, entry, nothing)).toEqual({ is: "kept", for: "entry" });
    expect(await isThere()).toBe(true);
  });
});
