import { expect, test } from "vitest";
import { openStore } from "../../src/index.js";
import "../../drivers/index.js";
import { createSessions } from "../../src/sessions/index.js";
import { newUser } from "../sessions/rig.js";

/** Users' types usually have no index signature. */
interface Message {
  readonly role: "user" | "assistant";
  readonly text: string;
  readonly tool?: { readonly name: string };
}

interface Title {
  readonly title: string;
}

// `npm run typecheck` fails if a line after a directive is accepted.
test("the types accept objects of an interface, and refuse values that are not JSON", async () => {
  await using store = await openStore("memory:");
  const message: Message = { role: "user", text: "hello" };
  const titled: Title = { title: "Invoices" };
  const who = { ...newUser(), session: "s" };

  const sessions = createSessions(store);
  await sessions.create(who, { metadata: titled });
  await sessions.changeMetadata(who, () => titled);
  await sessions.append(who, { value: message });
  await sessions.append(who, [{ value: message }, { value: [message] }, { value: 1 }, { value: null }]);
  await sessions.saveSummary(who, { upTo: 1, value: message });
  await sessions.sessionState(who).set("draft", message);
  await sessions.sessionState(who).update("draft", () => message);
  expect(await sessions.sessionState(who).get("draft")).toEqual(message);
  expect((await sessions.read(who))[0]?.value).toEqual(message);

  const typed = createSessions<Title, Message>(store);
  await typed.append(who, { value: message });
  const [event] = await typed.read(who, { from: 6 });
  expect(event?.value?.text).toBe("hello");

  const refused = [
    // @ts-expect-error a Date has no form in JSON
    () => sessions.append(who, { value: new Date() }),
    // @ts-expect-error nor has a function
    () => sessions.append(who, { value: () => 1 }),
    // @ts-expect-error nor a Map
    () => sessions.sessionState(who).set("draft", new Map()),
    // @ts-expect-error nor bytes
    () => sessions.sessionState(who).set("draft", new Uint8Array(1)),
    // @ts-expect-error nor a bigint
    () => sessions.saveSummary(who, { upTo: 1, value: 1n }),
    // @ts-expect-error nor undefined
    () => sessions.append(who, { value: undefined }),
    // @ts-expect-error metadata are an object
    () => sessions.changeMetadata(who, () => 1),
  ];
  for (const call of refused) await expect(call()).rejects.toMatchObject({ code: "INVALID_RECORD" });
  // @ts-expect-error a message has a text
  const slip = typed.append(who, { value: { role: "user" } });
  await expect(slip).resolves.toMatchObject({ duplicate: false });
});
