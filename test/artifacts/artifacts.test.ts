import { expect, test } from "vitest";
import { createArtifacts } from "../../src/artifacts/index.js";
import { forgetUser } from "../../src/forget-user/index.js";
import { userIdentity } from "../../src/index.js";
import { createSessions } from "../../src/sessions/index.js";
import { together } from "../../src/typed/index.js";
import { manualClock } from "../sessions/rig.js";
import { inMemory, newSession, onEveryStore } from "../typed/stores.js";
import { testDamagedRecords } from "../wrappers/damaged-record.js";
import { testErasedSessions } from "../wrappers/erased-session.js";
import { testHostileNames } from "../wrappers/hostile-names.js";
import { testLostAnswers } from "../wrappers/lost-answers.js";
import { testOtherIdentities } from "../wrappers/other-identities.js";
import { bytesOf, collected, streamOf } from "./rig.js";
import { ARTIFACTS } from "./tables.js";

const REPORT = { name: "out/report.md", content: "# Costs", contentType: "text/markdown" };
/** Small payloads, so that little content has several chunks. */
const CHUNK = 64 * 1024;
const LARGE = bytesOf(150_000);

onEveryStore(
  (opened) => {
    const artifacts = () => createArtifacts(opened.store);
    const countOf = (who: ReturnType<typeof newSession>, kinds = "artifact") =>
      opened.store.count(who, kinds);

    testOtherIdentities(opened, ARTIFACTS);
    testDamagedRecords(opened, ARTIFACTS);
    testLostAnswers(opened, ARTIFACTS);

    test("versions are numbered, and each is read with its type, metadata, size and SHA-256", async () => {
      const who = newSession();
      const clock = manualClock();
      const mine = createArtifacts(opened.store, { clock });
      const { artifact: first, duplicate } = await mine.put(who, { ...REPORT, metadata: { draft: true } });
      expect(duplicate).toBe(false);
      expect(first).toEqual({
        name: "out/report.md",
        version: 1,
        size: 7,
        sha256: "9f0b4664151ad6b24be226f5901600331a0216d232038d14e45b207133869942",
        contentType: "text/markdown",
        metadata: { draft: true },
        createdAt: new Date(clock()),
      });
      clock.forward(1_000);
      const { artifact: second } = await mine.put(who, { name: "out/report.md", content: LARGE });
      expect(second).toMatchObject({ version: 2, size: LARGE.length, metadata: {} });
      expect("contentType" in second).toBe(false);
      expect(await mine.stat(who, "out/report.md")).toEqual(second);
      expect(await mine.stat(who, "out/report.md", { version: 1 })).toEqual(first);
      expect(Buffer.from((await mine.get(who, "out/report.md", { version: 1 })).bytes).toString()).toBe(
        "# Costs",
      );
      expect(Buffer.compare((await mine.get(who, "out/report.md")).bytes, LARGE)).toBe(0);
      expect(await mine.find(who, "out/report.md", { version: 3 })).toBeUndefined();
      expect(await mine.find(who, "out")).toBeUndefined();
      const page = await mine.versions(who, "out/report.md", { limit: 1 });
      expect(page).toEqual({ versions: [second], next: 2 });
      expect(await mine.versions(who, "out/report.md", { after: 2 })).toEqual({ versions: [first] });
    });

    test("artifacts are listed by name, in pages, and by what their names begin with; those of a user are apart", async () => {
      const who = newSession();
      const user = { tenant: who.tenant, user: who.user };
      for (const name of ["b", "a/2", "a/1", "a"]) await artifacts().put(who, { name, content: name });
      await artifacts().put(user, { name: "photo.png", content: LARGE });
      const names = (page: { artifacts: readonly { name: string }[] }) =>
        page.artifacts.map(({ name }) => name);
      const first = await artifacts().list(who, { limit: 3 });
      expect([names(first), first.next]).toEqual([["a", "a/1", "a/2"], "a/2"]);
      const last = await artifacts().list(who, { after: first.next });
      expect([names(last), last.next]).toEqual([["b"], undefined]);
      expect(names(await artifacts().list(who, { prefix: "a/" }))).toEqual(["a/1", "a/2"]);
      expect(names(await artifacts().list(user))).toEqual(["photo.png"]);
      expect(Buffer.compare((await artifacts().get(user, "photo.png")).bytes, LARGE)).toBe(0);
      expect(await artifacts().delete(user, "photo.png")).toBe(true);
      expect(await opened.store.count(userIdentity(who.tenant, who.user), "artifact")).toBe(0);
    });

    test("a stream comes in and goes out in pieces, and equal content is stored once until nothing uses it", async () => {
      const who = newSession();
      const source = streamOf(LARGE, 7_001);
      const { artifact } = await artifacts().put(who, { name: "a", content: source });
      const records = await countOf(who);
      expect(await countOf(who, "artifact.chunk/")).toBe(3);
      const sizes: number[] = [];
      for await (const piece of artifacts().stream(who, "a")) sizes.push(piece.length);
      expect(sizes).toEqual([CHUNK, CHUNK, LARGE.length - 2 * CHUNK]);
      const web = new ReadableStream<Uint8Array>({
        start(controller) {
          controller.enqueue(LARGE.slice());
          controller.close();
        },
      });
      for (const content of [web, LARGE]) {
        const again = await artifacts().put(who, { name: "b", content });
        expect(again.artifact.sha256).toBe(artifact.sha256);
      }
      // A name and two versions, and nothing of the content.
      expect(await countOf(who)).toBe(records + 3);
      expect(await artifacts().delete(who, "a")).toBe(true);
      expect(await artifacts().delete(who, "b", { version: 2 })).toBe(true);
      expect((await artifacts().stat(who, "b")).version).toBe(1);
      expect(Buffer.compare(await collected(artifacts().stream(who, "b")), LARGE)).toBe(0);
      expect(await artifacts().delete(who, "b", { version: 1 })).toBe(true);
      expect(await artifacts().delete(who, "b")).toBe(false);
      expect(await countOf(who)).toBe(0);
    });

    test("empty content, and content at the edges of a chunk, come back as they were", async () => {
      const who = newSession();
      for (const size of [0, 1, CHUNK - 1, CHUNK, CHUNK + 1, 2 * CHUNK]) {
        const bytes = bytesOf(size, size);
        const put = await artifacts().put(who, { name: `${size}`, content: streamOf(bytes, 30_000) });
        expect(put.artifact.size).toBe(size);
        expect(Buffer.compare((await artifacts().get(who, `${size}`)).bytes, bytes), `${size}`).toBe(0);
        expect(await artifacts().delete(who, `${size}`)).toBe(true);
      }
      expect(await countOf(who)).toBe(0);
    });

    test("concurrent puts of one name get different numbers, and each has its content", async () => {
      const who = newSession();
      const put = (n: number) =>
        artifacts().put(who, { name: "a", content: n % 2 ? `${n}` : LARGE.subarray(n) });
      const puts = await Promise.all([0, 1, 2, 3, 4, 5].map(put));
      expect(puts.map(({ artifact }) => artifact.version).sort()).toEqual([1, 2, 3, 4, 5, 6]);
      for (const [n, { artifact }] of puts.entries()) {
        const { bytes } = await artifacts().get(who, "a", { version: artifact.version });
        expect(Buffer.compare(bytes, n % 2 ? Buffer.from(`${n}`) : LARGE.subarray(n))).toBe(0);
      }
      expect(await artifacts().delete(who, "a")).toBe(true);
      expect(await countOf(who)).toBe(0);
    });

    test("an id makes a put happen once: a stream is read and not stored again, and other content is refused", async () => {
      const who = newSession();
      const put = { name: "a", content: LARGE, id: "put-1" };
      const { artifact } = await artifacts().put(who, put);
      await artifacts().put(who, { name: "a", content: "newer" });
      const before = await opened.store.list(who, "", { bytes: false });
      const again = await artifacts().put(who, { ...put, content: streamOf(LARGE, 100_000) });
      expect(again).toEqual({ artifact, duplicate: true });
      for (const other of [
        { content: "x" },
        { name: "b" },
        { metadata: { a: 1 } },
        { contentType: "text/html" },
      ])
        await expect(artifacts().put(who, { ...put, ...other })).rejects.toMatchObject({
          code: "IDEMPOTENCY_CONFLICT",
        });
      const both = { name: "c", content: LARGE.subarray(1), id: "put-2" };
      const raced = await Promise.all([artifacts().put(who, both), artifacts().put(who, both)]);
      expect(raced.map(({ duplicate }) => duplicate).sort()).toEqual([false, true]);
      expect(raced[0].artifact).toEqual(raced[1].artifact);
      await artifacts().delete(who, "c");
      expect(await opened.store.list(who, "", { bytes: false })).toEqual(before);
      await artifacts().delete(who, "a");
      await expect(artifacts().put(who, put)).rejects.toMatchObject({ code: "NOT_FOUND" });
      expect(await countOf(who)).toBe(0);
    });

    test("a put may expect a version; numbers of deleted versions are not given again", async () => {
      const who = newSession();
      const put = (expect: number) => artifacts().put(who, { name: "a", content: `${expect}`, expect });
      const refusal = (last: number) => ({ code: "CONDITION_FAILED", details: { last } });
      await expect(put(1)).rejects.toMatchObject(refusal(0));
      await put(0);
      await expect(put(0)).rejects.toMatchObject(refusal(1));
      const racing = await Promise.allSettled([put(1), put(1), put(1)]);
      expect(racing.map(({ status }) => status).sort()).toEqual(["fulfilled", "rejected", "rejected"]);
      expect(await artifacts().delete(who, "a", { version: 2 })).toBe(true);
      expect((await put(1)).artifact.version).toBe(3);
    });

    test("small content is put in a unit with other writes, or not at all", async () => {
      const who = newSession();
      const sessions = createSessions(opened.store);
      await sessions.create(who);
      const step = (content: string | Uint8Array, fails = false) =>
        together(opened.store, async (unit) => {
          const [one, two] = [
            await artifacts().in(unit).put(who, { name: "a", content, id: "step-1" }),
            await artifacts().in(unit).put(who, { name: "a", content: "two", id: "step-2" }),
          ];
          await sessions.in(unit).append(who, { id: "e-1", value: one.artifact.version });
          if (fails) throw new Error("the step failed");
          return [one, two].map(({ artifact, duplicate }) => [artifact.version, duplicate]);
        });
      await expect(step("one", true)).rejects.toThrow("the step failed");
      expect(await countOf(who)).toBe(0);
      expect(await step("one")).toEqual([
        [1, false],
        [2, false],
      ]);
      expect(await step("one")).toEqual([
        [1, true],
        [2, true],
      ]);
      expect((await sessions.read(who)).map(({ value }) => value)).toEqual([1]);
      await expect(step(LARGE)).rejects.toMatchObject({
        code: "INVALID_RECORD",
        details: { field: "content" },
      });
    });

    test("artifacts go with their session, and those of a user with the user", async () => {
      const who = newSession();
      const user = { tenant: who.tenant, user: who.user };
      await createSessions(opened.store).create(who);
      for (const owner of [who, user]) await artifacts().put(owner, { name: "a", content: LARGE });
      await forgetUser(opened.store, user);
      for (const owner of [who, userIdentity(who.tenant, who.user)])
        expect(await opened.store.count(owner, "")).toBe(0);
    });
  },
  { maxBytes: CHUNK },
);

inMemory((opened) => {
  testHostileNames(opened, ARTIFACTS);
  testErasedSessions(opened, ARTIFACTS);
});
