import { execFile } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { expect, test } from "vitest";
import { isSoak } from "../soak.js";

const ROOT = fileURLToPath(new URL("../..", import.meta.url));
/** In mebibytes. A gigabyte takes a minute or two. */
const [SIZE, MOST_ADDED] = isSoak ? [1024, 64] : [64, 56];

/** Puts a stream and reads it again. Prints how much more memory the process had than after a small one. */
const PROGRAM = `
  import { createHash, randomFillSync } from "node:crypto";
  import { openStore } from "groundstate";
  import { createArtifacts } from "groundstate/artifacts";
  import "groundstate/drivers";

  const MIB = 1024 * 1024;
  const { url, size } = JSON.parse(process.argv[1]);
  const store = await openStore(url);
  const artifacts = createArtifacts(store);
  const who = { tenant: "t", user: "u", session: "s" };

  async function* source(mebibytes, hash) {
    const piece = new Uint8Array(MIB);
    for (let n = 0; n < mebibytes; n++) {
      randomFillSync(piece);
      hash.update(piece);
      yield piece;
    }
  }
  async function pass(name, mebibytes) {
    const [written, read] = [createHash("sha256"), createHash("sha256")];
    await artifacts.put(who, { name, content: source(mebibytes, written) });
    for await (const piece of artifacts.stream(who, name)) read.update(piece);
    if (written.digest("hex") !== read.digest("hex")) throw new Error("other content came back");
  }

  await pass("small", 24);
  await artifacts.delete(who, "small");
  globalThis.gc();
  const before = process.memoryUsage.rss();
  let most = before;
  const timer = setInterval(() => { most = Math.max(most, process.memoryUsage.rss()); }, 5);
  await pass("large", size);
  clearInterval(timer);
  console.log(JSON.stringify((most - before) / MIB));
  await store.close();
`;

test(`${SIZE} MiB are streamed in and out with less than ${MOST_ADDED} MiB of further memory`, async () => {
  const folder = mkdtempSync(join(tmpdir(), "groundstate-artifacts-"));
  try {
    const given = JSON.stringify({ url: `sqlite:${join(folder, "state.db")}`, size: SIZE });
    const args = ["--expose-gc", "--input-type=module", "-e", PROGRAM, given];
    const { stdout } = await promisify(execFile)(process.execPath, args, { cwd: ROOT });
    console.log(`${SIZE} MiB: ${Math.round(JSON.parse(stdout))} MiB of further memory`);
    expect(JSON.parse(stdout)).toBeLessThan(MOST_ADDED);
  } finally {
    rmSync(folder, { recursive: true });
  }
}, 600_000);
