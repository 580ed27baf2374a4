import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import Database from "better-sqlite3";
import { openStore } from "groundstate";
import "groundstate/drivers";

// Processes that import this module share a folder: the first one names it for the others.
process.env.GROUNDSTATE_HARNESS_FOLDER ??= mkdtempSync(join(tmpdir(), "groundstate-conformance-"));
const folder = process.env.GROUNDSTATE_HARNESS_FOLDER;

/** A space is a file. */
export default {
  name: "sqlite",
  durable: true,
  open: (space, options) => openStore({ driver: "sqlite", path: join(folder, `${space}.db`), ...options }),
  async destroy(space) {
    for (const suffix of ["", "-wal", "-shm"]) rmSync(join(folder, `${space}.db${suffix}`), { force: true });
  },
  async damage(space, { identity: { tenant, user, session, run = "" }, kind }) {
    const database = new Database(join(folder, `${space}.db`));
    const place = "tenant = ? AND user = ? AND session = ? AND run = ? AND kind = ?";
    const damaged = database.prepare(`UPDATE record SET bytes = zeroblob(length(bytes)) WHERE ${place}`);
    damaged.run(tenant, user, session, run, kind);
    database.close();
  },
};

export function removeFolder() {
  rmSync(folder, { recursive: true, force: true });
}
