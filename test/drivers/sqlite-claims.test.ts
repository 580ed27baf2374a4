import { execFileSync } from "node:child_process";
import { mkdirSync, symlinkSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, onTestFinished, test } from "vitest";
import { claimFile } from "../../drivers/sqlite/file-claims.js";
import { openSqlite } from "../../drivers/sqlite/index.js";
import { existingPath, failure, folder, freshPath, inProcess, open } from "./sqlite-rig.js";

describe("one SQLite library per process and file", () => {
  const OTHER = "/elsewhere/better-sqlite3/lib/index.js";

  test("another copy is refused while a store is open, by every name of the file, and not afterwards", async () => {
    const path = await existingPath();
    const driver = await openSqlite({ path });
    const link = join(folder(), "link.db");
    symlinkSync(path, link);
    for (const name of [path, link]) {
      expect(() => claimFile(name, OTHER)).toThrow(
        expect.objectContaining({ code: "UNAVAILABLE", details: { reason: "setup" } }),
      );
    }
    await driver.close();
    claimFile(path, OTHER)();
  });

  test("a store is refused while another copy of the library has the file, also a new file", async () => {
    for (const path of [await existingPath(), freshPath()]) {
      const release = claimFile(path, OTHER);
      const error = await failure(openSqlite({ path }));
      expect(error).toMatchObject({ code: "UNAVAILABLE", details: { reason: "setup" } });
      expect(error.message).toContain(OTHER);
      release();
      await open({ path });
    }
  });

  test("stores through the same library share a file", async () => {
    const path = freshPath();
    await open({ path });
    const second = await openSqlite({ path });
    await second.close();
    expect(() => claimFile(path, OTHER)).toThrow("another copy");
  });

  test("one that failed to open holds nothing", async () => {
    const path = freshPath();
    await failure(openSqlite({ path, migrate: "verify" }));
    claimFile(path, OTHER)();
  });
});

/** Whether this process may mount at all. */
function mayMount(): boolean {
  try {
    execFileSync("unshare", ["-m", "true"], { stdio: "ignore" });
    return true;
  } catch {
    return false;
  }
}

test.skipIf(!mayMount())(
  "a file that is mounted without its folder is refused (needs the right to mount)",
  async () => {
    const path = await existingPath();
    const place = join(folder(), "in a container");
    mkdirSync(place);
    const mounted = join(place, "state.db");
    execFileSync("touch", [mounted]);
    execFileSync("mount", ["--bind", path, mounted]);
    onTestFinished(() => {
      execFileSync("umount", [mounted]);
    });
    const error = await failure(openSqlite({ path: mounted }));
    expect(error).toMatchObject({ code: "UNAVAILABLE", details: { reason: "setup" } });
    expect(error.message).toContain("mount the folder");
    await open({ path });
    expect(await inProcess("await (await openSqlite(args)).close(); console.log(1)", { path })).toBe(1);
  },
);
