import assert from "node:assert/strict";
import {
  type Identity,
  maintenanceScope,
  type SessionsOptions,
  tenantIdentity,
  userIdentity,
} from "../../src/index.js";
import { byBytes, refused } from "../assertions/expect.js";
import type { CaseContext, ConformanceCase } from "../harness/case.js";
import { numberedKinds, saveMany } from "../harness/save-many.js";
import { CLOSEST_NAMES } from "../inputs/hostile-names.js";

/** More than a driver removes in one piece. */
const MANY = 3_072;

export const listSessionsCases: readonly ConformanceCase[] = [
  {
    id: "list-sessions/those-with-records",
    rule: "listSessions returns each session of the user that has a record, once, whatever its runs and kinds.",
    scans: "user",
    async run(context) {
      const { store, record } = context;
      const user = context.identity();
      await lists(context, user, []);
      for (const session of ["s-1", "s-2", "s-3"])
        for (const run of ["", "run", "z"])
          for (const kind of ["a", "b/1"]) await store.save(record({ ...user, session, run }, kind));
      await lists(context, user, ["s-1", "s-2", "s-3"]);
      // A limit counts sessions, and neither their runs nor their records.
      for (const limit of [1, 2, 3])
        await lists(context, user, ["s-1", "s-2", "s-3"].slice(0, limit), { limit });
      const [first] = await store.listSessions(userOf(user));
      assert.deepEqual({ ...first }, { ...userOf(user), session: "s-1" }, "a session is an identity");
      assert.equal((await store.list(first as Identity, "")).length, 2, "whose records can be listed");
    },
  },
  {
    id: "list-sessions/a-thousand",
    rule: "listSessions returns every session of a user, and a scan every record, though they are more than a thousand.",
    scans: "user",
    async run(context) {
      const { store, record } = context;
      const user = context.identity();
      const names = numberedKinds(1_100).map((kind) => kind.replace("kind/", "s-"));
      await saveMany(
        store,
        names.map((session) => record({ ...user, session }, "kind")),
      );
      await lists(context, user, names);
      const scope = maintenanceScope({ reason: "conformance", tenant: user.tenant });
      const found = await store.listKind(scope, "kind");
      assert.deepEqual(
        found.filter(({ identity }) => identity.user === user.user).map(({ identity }) => identity.session),
        names,
        "a scan of a kind that each session has",
      );
    },
  },
  {
    id: "list-sessions/after-deletes-and-erases",
    rule: "A session whose last record was deleted or erased is not listed, and one that got another is.",
    scans: "user",
    async run(context) {
      const { store, record } = context;
      const user = context.identity();
      const sessions = ["deleted", "emptied", "erased", "kept", "saved-again"];
      for (const session of sessions) {
        await store.save(record({ ...user, session }, "kind"));
        await store.save(record({ ...user, session, run: "run" }, "kind"));
      }
      await lists(context, user, sessions);
      await store.delete({ ...user, session: "deleted" }, "kind");
      await lists(context, user, sessions);
      await store.delete({ ...user, session: "deleted", run: "run" }, "kind");
      await store.commit([
        { op: "delete", identity: { ...user, session: "emptied" }, kind: "kind" },
        { op: "delete", identity: { ...user, session: "emptied", run: "run" }, kind: "kind" },
      ]);
      for (const session of ["erased", "saved-again"]) await store.erase({ ...user, session });
      await lists(context, user, ["kept"]);
      await store.save(record({ ...user, session: "saved-again", run: "later" }, "kind"));
      await lists(context, user, ["kept", "saved-again"]);
    },
  },
  {
    id: "list-sessions/beside-a-large-erase",
    rule: "A session is listed until an erase of thousands of its records hides them, and again when it gets a record.",
    scans: "user",
    async run(context) {
      const { store, record } = context;
      const user = context.identity();
      const large = { ...user, session: "s-2" };
      for (const session of ["s-1", "s-3"]) await store.save(record({ ...user, session }, "kind"));
      await saveMany(
        store,
        numberedKinds(MANY).map((kind) => record(large, kind)),
      );
      let isOver = false;
      const erasing = store.erase(large).finally(() => {
        isOver = true;
      });
      let isGone = false;
      do {
        const listed = (await store.listSessions(userOf(user))).map(({ session }) => session);
        const isThere = listed.includes("s-2");
        assert.deepEqual(
          listed,
          isThere ? ["s-1", "s-2", "s-3"] : ["s-1", "s-3"],
          "sessions beside the erase",
        );
        assert.ok(!(isThere && isGone), "a session that was gone must not come back");
        isGone ||= !isThere;
      } while (!isOver && !isGone);
      // Behind all that is hidden.
      await store.save(record({ ...large, run: "run" }, "zz"));
      await lists(context, user, ["s-1", "s-2", "s-3"]);
      await lists(context, user, ["s-2"], { after: "s-1", limit: 1 });
      await erasing;
      await lists(context, user, ["s-1", "s-2", "s-3"]);
    },
  },
  {
    id: "list-sessions/beside-writes",
    rule: "listSessions returns every session that has records all the time, whichever others come and go meanwhile.",
    scans: "user",
    async run(context) {
      const { store, record } = context;
      const user = context.identity();
      const standing = await fill(context, user, numberedKinds(48));
      const passing = standing.map((name) => `${name}!`);
      let isOver = false;
      const writing = (async () => {
        for (let turn = 0; !isOver; turn++) {
          const session = passing[(turn * 7) % passing.length] as string;
          await store.save(record({ ...user, session }, "kind"));
          await store.erase({ ...user, session: passing[((turn + 3) * 7) % passing.length] as string });
        }
      })();
      try {
        for (let list = 0; list < 12; list++) {
          const listed = (await store.listSessions(userOf(user))).map(({ session }) => session);
          assert.deepEqual(
            listed.filter((session) => !session.endsWith("!")),
            standing,
            "sessions that are there all the time",
          );
          assert.deepEqual(listed, [...new Set(listed)].sort(byBytes), "each session once, in order");
        }
      } finally {
        isOver = true;
        await writing;
      }
    },
  },
  {
    id: "list-sessions/order",
    rule: "Sessions come in the order of the bytes of their names, and after and limit page through them in it.",
    scans: "user",
    async run(context) {
      const { store } = context;
      const user = context.identity();
      const names = await fill(context, user, CLOSEST_NAMES);
      await lists(context, user, names);
      for (const size of [1, 7, names.length, names.length + 1]) {
        const paged: string[] = [];
        for (let after: string | undefined; ; after = paged.at(-1)) {
          const page = await store.listSessions(userOf(user), { after, limit: size });
          paged.push(...page.map(({ session }) => session));
          if (page.length < size) break;
        }
        assert.deepEqual(paged, names, `pages of ${size}`);
      }
    },
  },
  {
    id: "list-sessions/after",
    rule: "after is exclusive, and need not be a session that exists.",
    scans: "user",
    async run(context) {
      const user = context.identity();
      await fill(context, user, ["a", "aa", "b", "b\u0001", "c"]);
      await lists(context, user, ["aa", "b", "b\u0001", "c"], { after: "a" });
      await lists(context, user, ["b\u0001", "c"], { after: "b" });
      await lists(context, user, ["b", "b\u0001"], { after: "aaa", limit: 2 });
      await lists(context, user, ["b\u0001"], { after: "b", prefix: "b" });
      await lists(context, user, ["b", "b\u0001"], { after: "a", prefix: "b" });
      await lists(context, user, [], { after: "c" });
      await lists(context, user, [], { after: "n".repeat(255) });
    },
  },
  {
    id: "list-sessions/prefix-literal",
    rule: "The prefix of sessions is literal: wildcards, patterns, case and separators stand for themselves.",
    scans: "user",
    async run(context) {
      const user = context.identity();
      const names = await fill(
        context,
        user,
        CLOSEST_NAMES.flatMap((name) => [name, `${name}/1`]).filter((name) => Buffer.byteLength(name) <= 255),
      );
      await lists(context, user, names, { prefix: "" });
      for (const prefix of CLOSEST_NAMES)
        await lists(
          context,
          user,
          names.filter((name) => name.startsWith(prefix)),
          { prefix },
        );
    },
  },
  {
    id: "list-sessions/one-user",
    rule: "listSessions returns the sessions of exactly one user of one tenant.",
    scans: "user",
    async run(context) {
      const { store, record } = context;
      const user = context.identity({ user: "user" });
      await store.save(record({ ...user, session: "mine" }, "kind"));
      for (const other of ["use", "user\u0001", "user/", "userr", "USER", "user%", "uses"])
        await store.save(record({ ...user, user: other, session: "theirs" }, "kind"));
      await store.save(record(context.identity({ user: "user", session: "theirs" }), "kind"));
      await lists(context, user, ["mine"]);
      await lists(context, { ...user, user: "use_" }, []);
      await lists(context, user, [], { prefix: "theirs" });
    },
  },
  {
    id: "list-sessions/own-state-is-no-session",
    rule: "What lies under userIdentity and tenantIdentity makes no session.",
    scans: "user",
    async run(context) {
      const { store, record } = context;
      const user = context.identity();
      const { tenant, user: name } = user;
      await store.save(record(userIdentity(tenant, name), "kind"));
      await store.save(record(tenantIdentity(tenant), "kind"));
      await lists(context, user, []);
      await fill(context, user, ["a", "\u007f", "\u{10ffff}"]);
      await lists(context, user, ["a", "\u007f", "\u{10ffff}"]);
      await lists(context, user, ["a", "\u007f"], { limit: 2 });
      await lists(context, user, [], { prefix: "~" });
    },
  },
  {
    id: "list-sessions/misuse",
    rule: "listSessions refuses what is no user, a session with it, and bounds that are none.",
    async run({ store, identity }) {
      const { tenant, user } = identity();
      for (const field of ["tenant", "user"])
        for (const missing of [undefined, null, ""])
          await refused("IDENTITY_REQUIRED", `a missing ${field}`, () =>
            store.listSessions({ tenant, user, [field]: missing } as never),
          );
      for (const wrong of [{ session: "s" }, { session: undefined }, { run: "r" }])
        await refused("INVALID_RECORD", "a session", () =>
          store.listSessions({ tenant, user, ...wrong } as never),
        );
      for (const name of ["~", "~ada", "a\0", "n".repeat(256)])
        await refused("INVALID_RECORD", "a bad user", () => store.listSessions({ tenant, user: name }));
      const options = [
        ...[{ limit: 0 }, { limit: 10_001 }, { limit: "1" }, { prefix: undefined }, { prefix: 7 }],
        ...[{ prefix: "n".repeat(256) }, { after: 7 }, { after: { session: "s" } }, { before: "s" }],
      ];
      for (const each of options)
        await refused("INVALID_RECORD", JSON.stringify(each), () =>
          store.listSessions({ tenant, user }, each as never),
        );
    },
  },
];

function userOf({ tenant, user }: Identity) {
  return { tenant, user };
}

/** Saves a record in each of these sessions of the user. Returns their names in order. */
async function fill(
  { store, record }: CaseContext,
  user: Identity,
  names: readonly string[],
): Promise<string[]> {
  const sessions = [...new Set(names)].filter((name) => !name.startsWith("~")).sort(byBytes);
  await saveMany(
    store,
    sessions.toReversed().map((session) => record({ ...user, session }, "kind")),
  );
  return sessions;
}

async function lists(
  { store }: CaseContext,
  user: Identity,
  expected: readonly string[],
  options: SessionsOptions = {},
): Promise<void> {
  assert.deepEqual(
    (await store.listSessions(userOf(user), options)).map(({ session }) => session),
    expected,
    `sessions with ${JSON.stringify(options)}`,
  );
}
