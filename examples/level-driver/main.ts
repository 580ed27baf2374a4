import { newEventId, openStore, registerDriver, StateError } from "groundstate";
import { LevelDriver } from "./driver.js";

declare module "groundstate" {
  interface DriverConfigs {
    level: { readonly path: string };
  }
}

registerDriver(
  "level",
  async ({ url = "", path = url.slice("level:".length) }: { url?: string; path?: string }) => {
    // A folder that was forgotten must not become the one where the process happens to run.
    if (path !== "") return LevelDriver.open(path);
    throw new StateError("INVALID_RECORD", "level needs a folder", {
      details: { field: "path", rule: "a folder" },
    });
  },
);

const store = await openStore("level:./folder");
const identity = { tenant: "acme", user: "ada", session: "s-1" };
const bytes = new TextEncoder().encode("hello");
await store.save({ eventId: newEventId(), identity, kind: "greeting", bytes });
console.log(new TextDecoder().decode((await store.load(identity, "greeting")).bytes));
await store.close();
