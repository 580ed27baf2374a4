import { rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createStore } from "groundstate";
import type { Harness } from "groundstate/conformance";
import { LevelDriver } from "./driver.js";

const folder = (space: string) => join(tmpdir(), `groundstate-level-${space}`);

export default {
  name: "level",
  durable: true,
  exclusive: true,
  open: async (space, options) => createStore(await LevelDriver.open(folder(space)), options),
  destroy: (space) => rm(folder(space), { recursive: true, force: true }),
} satisfies Harness;
