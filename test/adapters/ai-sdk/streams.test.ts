import { setTimeout as sleep } from "node:timers/promises";
import fc from "fast-check";
import { expect, test, vi } from "vitest";
import { ResumableStreams } from "../../../src/adapters/ai-sdk/index.js";
import { newEventId, openStore, type StateStore } from "../../../src/index.js";
import { soak } from "../../soak.js";
import { onEveryStore } from "../../typed/stores.js";

const newOwner = () => ({ tenant: `tenant-${newEventId()}`, user: "ann" });
const streamsOf = (store: StateStore, owner = newOwner(), heartbeatMs = 10_000) =>
  new ResumableStreams(store, { owner, heartbeatMs });
const line = (text: string) => `data: {"type":"text-delta","id":"1","delta":${JSON.stringify(text)}}\n\n`;
const ABORTED = '\n\ndata: {"type":"abort"}\n\ndata: [DONE]\n\n';
const FAILED = '\n\ndata: {"type":"error","errorText":"The answer was interrupted."}\n\ndata: [DONE]\n\n';

/** A stream that the test writes. */
class Source {
  cancelled = false;
  #controller!: ReadableStreamDefaultController<string>;
  readonly stream = new ReadableStream<string>({
    start: (controller) => {
      this.#controller = controller;
    },
    cancel: () => {
      this.cancelled = true;
    },
  });

  say(...texts: string[]): void {
    for (const text of texts) this.#controller.enqueue(text);
  }

  end(): void {
    this.#controller.close();
  }

  fail(): void {
    this.#controller.error(new Error("the model is away"));
  }
}

/** What is read of a stream, while it comes. */
class Reading {
  text = "";
  readonly ended: Promise<string>;

  constructor(stream: ReadableStream<string> | undefined) {
    if (stream === undefined) throw new Error("there is no stream");
    this.ended = (async () => {
      for await (const piece of stream) this.text += piece;
      return this.text;
    })();
  }

  async until(text: string): Promise<void> {
    await vi.waitFor(() => expect(this.text).toBe(text), { timeout: 20_000, interval: 5 });
  }
}

/** Starts to record, and waits until the stream can be resumed. */
async function recorded(streams: ResumableStreams, chatId: string, source: Source) {
  const before = await streams.active(chatId);
  const ended = streams.record(chatId, source.stream);
  await vi.waitFor(
    async () => {
      const active = await streams.active(chatId);
      expect(active !== undefined && active !== before).toBe(true);
    },
    { timeout: 20_000, interval: 5 },
  );
  return { ended };
}

onEveryStore((opened, driver) => {
  /** A store of its own on the same data, where there can be one. */
  const another = async () => (driver === "memory" ? opened.store : await openStore(opened.url));

  test("a reader gets what was streamed and what comes, in any store; nothing is left to resume at the end", async () => {
    const owner = newOwner();
    const streams = streamsOf(opened.store, owner);
    expect(await streams.resume("c")).toBeUndefined();
    const source = new Source();
    const { ended } = await recorded(streams, "c", source);
    source.say(line("a"), line("b"));
    const first = new Reading(await streams.resume("c"));
    await first.until(line("a") + line("b"));
    const store = await another();
    const second = new Reading(await streamsOf(store, owner).resume("c"));
    source.say(line("c"));
    await second.until(line("a") + line("b") + line("c"));
    source.say(line("d"));
    source.end();
    const whole = ["a", "b", "c", "d"].map(line).join("");
    expect(await Promise.all([first.ended, second.ended, ended])).toEqual([whole, whole, "finished"]);
    expect(await streams.resume("c")).toBeUndefined();
    expect(await streams.active("c")).toBeUndefined();
    expect(await streams.stop("c")).toBe(false);
    if (store !== opened.store) await store.close();
  });

  test("other owners, and other chats, have no stream", async () => {
    const owner = newOwner();
    const streams = streamsOf(opened.store, owner);
    const source = new Source();
    const { ended } = await recorded(streams, "~c/1", source);
    for (const other of ["~c/", "~c/1/", "c/1", "~c"]) expect(await streams.resume(other)).toBeUndefined();
    const others = [
      { ...owner, user: "bob" },
      { ...owner, tenant: `${owner.tenant}-` },
    ];
    for (const other of others) expect(await streamsOf(opened.store, other).resume("~c/1")).toBeUndefined();
    source.end();
    expect(await ended).toBe("finished");
  });

  test("a stream that is stopped ends for its readers and its recorder; only the one that is meant", async () => {
    const owner = newOwner();
    const streams = streamsOf(opened.store, owner);
    const source = new Source();
    const { ended } = await recorded(streams, "c", source);
    source.say(line("a"));
    const reading = new Reading(await streams.resume("c"));
    await reading.until(line("a"));
    const streamId = await streams.active("c");
    expect(await streams.stop("c", { streamId: "another" })).toBe(false);
    const store = await another();
    expect(await streamsOf(store, owner).stop("c", { streamId: streamId as string })).toBe(true);
    expect(await ended).toBe("stopped");
    await vi.waitFor(() => expect(source.cancelled).toBe(true));
    expect(await reading.ended).toBe(line("a") + ABORTED);
    expect(await streams.resume("c")).toBeUndefined();
    if (store !== opened.store) await store.close();
  });

  test("another stream of the chat takes the place of the one before, and what that left goes", async () => {
    const streams = streamsOf(opened.store);
    const sources = Array.from({ length: 5 }, () => new Source());
    const ends: Promise<string>[] = [];
    let reading: Reading | undefined;
    for (const [n, source] of sources.entries()) {
      ends.push((await recorded(streams, "c", source)).ended);
      source.say(line(`${n}`));
      if (reading !== undefined) expect(await reading.ended).toMatch(/"abort"/);
      reading = new Reading(await streams.resume("c"));
      await reading.until(line(`${n}`));
    }
    sources.at(-1)?.end();
    expect(await Promise.all(ends)).toEqual(["stopped", "stopped", "stopped", "stopped", "finished"]);
    expect(await reading?.ended).toBe(line("4"));
  });

  test("of streams that begin at once one is left, and a chat holds the pieces of one", async () => {
    const owner = newOwner();
    const sources = Array.from({ length: 6 }, () => new Source());
    const ends = sources.map(({ stream }) => streamsOf(opened.store, owner).record("c", stream));
    for (const source of sources) {
      source.say(...Array.from({ length: 50 }, (_, n) => line(`${n}`)));
      source.end();
    }
    expect(await Promise.all(ends)).toContain("finished");
    const last = new Source();
    const { ended } = await recorded(streamsOf(opened.store, owner), "c", last);
    last.end();
    expect(await ended).toBe("finished");
    const chat = { ...owner, session: "c" };
    // Where the chat says which stream it has; the bounds and the last piece of that stream.
    expect((await opened.store.list({ ...owner, session: "c" }, "")).length).toBe(1);
    const runs = await opened.store.erase(chat);
    expect(runs).toBeLessThanOrEqual(4);
  });

  test("an error of the source ends the stream for its readers", async () => {
    const streams = streamsOf(opened.store);
    const source = new Source();
    const { ended } = await recorded(streams, "c", source);
    source.say(line("a"));
    const reading = new Reading(await streams.resume("c"));
    await reading.until(line("a"));
    source.fail();
    expect(await ended).toBe("failed");
    expect(await reading.ended).toBe(line("a") + FAILED);
  });

  test("a source that is silent keeps its readers; a recorder that died loses them, and its chat goes on", async () => {
    const owner = newOwner();
    const streams = streamsOf(opened.store, owner, 100);
    const source = new Source();
    const store = await another();
    const recorder = streamsOf(store, owner, store === opened.store ? 600_000 : 100);
    const { ended } = await recorded(recorder, "c", source);
    const outcome = ended.catch((error) => error.code);
    source.say(line("a"));
    if (store !== opened.store) {
      const reading = new Reading(await streams.resume("c"));
      await reading.until(line("a"));
      await sleep(1_000);
      source.say(line("b"));
      await reading.until(line("a") + line("b"));
      await store.close();
    }
    const reading = new Reading(await streams.resume("c"));
    expect(await reading.ended).toMatch(/The answer was interrupted/);
    expect(await streams.resume("c")).toBeUndefined();
    // A recorder that is alive after all is told.
    expect(["stopped", "STORE_CLOSED"]).toContain(await outcome);
    const next = new Source();
    const { ended: nextEnd } = await recorded(streams, "c", next);
    next.end();
    expect(await nextEnd).toBe("finished");
  });

  test("a reader that leaves ends at once, and takes nothing from the others", async () => {
    const streams = streamsOf(opened.store);
    const source = new Source();
    const { ended } = await recorded(streams, "c", source);
    const left = (await streams.resume("c")) as ReadableStream<string>;
    const reading = new Reading(await streams.resume("c"));
    const reader = left.getReader();
    const waiting = reader.read();
    await sleep(20);
    await reader.cancel();
    expect(await waiting).toEqual({ done: true, value: undefined });
    source.say(line("a"));
    source.end();
    await ended;
    expect(await reading.ended).toBe(line("a"));
  });

  test("pieces of any size and number come whole", async () => {
    const texts = fc.array(
      fc.oneof(
        fc.constant(""),
        fc.string({ unit: "grapheme" }),
        fc.constantFrom("🙂".repeat(40_000), `a${"🙂".repeat(70_000)}`, "x".repeat(1_500_000)),
      ),
      { maxLength: 12 },
    );
    await fc.assert(
      fc.asyncProperty(texts, async (given) => {
        const streams = streamsOf(opened.store);
        const source = new Source();
        const { ended } = await recorded(streams, "c", source);
        const reading = new Reading(await streams.resume("c"));
        for (const text of given) {
          source.say(text);
          if (text.length % 3 === 0) await sleep(1);
        }
        source.end();
        expect(await ended).toBe("finished");
        expect((await reading.ended) === given.join("")).toBe(true);
      }),
      { numRuns: soak(4) },
    );
  });

  test.each([50, "1000", undefined, 600_001])("refuses a heartbeat of %o", (heartbeatMs) => {
    const options = { owner: newOwner(), heartbeatMs: heartbeatMs as number };
    const make = () => new ResumableStreams(opened.store, options);
    if (heartbeatMs === undefined) make();
    else expect(make).toThrow(expect.objectContaining({ code: "INVALID_RECORD" }));
  });
});
