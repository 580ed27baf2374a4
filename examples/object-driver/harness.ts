import { createStore } from "groundstate";
import type { Harness } from "groundstate/conformance";
import { ObjectDriver } from "./driver.js";

const open = (space: string) =>
  ObjectDriver.open(process.env.BUCKET_URL ?? "http://127.0.0.1:9000/bucket", space);

export default {
  name: "objects",
  durable: true,
  open: async (space, options) => createStore(await open(space), options),
  destroy: async (space) => (await open(space)).drop(),
} satisfies Harness;
