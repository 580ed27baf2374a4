import assert from "node:assert/strict";
import { type Artifacts, createArtifacts } from "../../src/artifacts/index.js";
import type { ConformanceCase } from "../harness/case.js";
import { severalOf } from "./several.js";

const NAME = "report.bin";
const PIECE_BYTES = 100_000;
const PIECES = 12;
const ROUNDS = 6;

/** What artifacts promise, as far as it depends on the store. */
export const artifactCases: readonly ConformanceCase[] = [
  {
    id: "artifacts/whole-or-none",
    rule: "While a store uploads an artifact in pieces, no other sees it; then each sees all of its bytes, and deleting leaves none.",
    needs: "durable",
    async run(context) {
      const owner = context.identity();
      const [writing, reading] = await severalOf(context, createArtifacts);
      const whole = bytesOf(PIECE_BYTES * PIECES);
      async function* pieces() {
        for (let from = 0; from < whole.length; from += PIECE_BYTES) {
          assert.equal(await reading.find(owner, NAME), undefined, "an artifact that is being uploaded");
          yield whole.subarray(from, from + PIECE_BYTES);
        }
      }
      await writing.put(owner, { name: NAME, content: pieces() });
      for (const artifacts of [writing, reading])
        assert.equal(Buffer.compare(await contentOf(artifacts, owner), whole), 0, "content");
      assert.equal(await reading.delete(owner, NAME), true, "there was an artifact");
      assert.equal(await context.store.count(owner, "artifact"), 0, "records that are left");
    },
  },
  {
    id: "artifacts/versions-follow-on",
    rule: "Versions that several stores put to one name at once have numbers without a gap, and each has its own content.",
    needs: "durable",
    async run(context) {
      const owner = context.identity();
      const wrappers = await severalOf(context, createArtifacts);
      for (let round = 0; round < ROUNDS; round++) {
        const name = `${NAME} ${round}`;
        const puts = await Promise.all(
          wrappers.map((artifacts, writer) => artifacts.put(owner, { name, content: `${writer}` })),
        );
        const versions = puts.map(({ artifact }) => artifact.version);
        assert.deepEqual([...versions].sort(), [1, 2, 3], "versions");
        for (const [writer, version] of versions.entries()) {
          const { bytes } = await wrappers[0].get(owner, name, { version });
          assert.equal(Buffer.from(bytes).toString(), `${writer}`, "content of a version");
        }
      }
    },
  },
  {
    id: "artifacts/equal-content-once",
    rule: "Equal content that several stores put at once is stored once, and is there until the last version that uses it is deleted.",
    needs: "durable",
    async run(context) {
      const owner = context.identity();
      const wrappers = await severalOf(context, createArtifacts);
      for (let round = 0; round < ROUNDS; round++) {
        const content = `round ${round}`;
        await Promise.all(
          wrappers.map((artifacts, writer) => artifacts.put(owner, { name: `${writer}`, content })),
        );
        assert.equal(await context.store.count(owner, "artifact.chunk/"), 1, "copies of the content");
        const [last, ...others] = wrappers;
        await Promise.all(others.map((artifacts, index) => artifacts.delete(owner, `${index + 1}`)));
        assert.equal(
          Buffer.from(await contentOf(last, owner, "0")).toString(),
          content,
          "content still in use",
        );
        await last.delete(owner, "0");
        assert.equal(await context.store.count(owner, "artifact"), 0, "records that are left");
      }
    },
  },
];

/** Bytes of which no two pieces are alike. */
function bytesOf(size: number): Uint8Array {
  return Uint8Array.from({ length: size }, (_, at) => (at * 7 + (at >> 8) * 13 + (at >> 16) * 31) & 255);
}

async function contentOf(
  artifacts: Artifacts,
  owner: Parameters<Artifacts["get"]>[0],
  name = NAME,
): Promise<Uint8Array> {
  const pieces: Uint8Array[] = [];
  for await (const piece of artifacts.stream(owner, name)) pieces.push(piece);
  return Buffer.concat(pieces);
}
