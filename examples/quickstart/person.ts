/** The process of the person who decides. It is told the store and the tenant, and nothing of the agent. */
import { openStore } from "groundstate";
import "groundstate/drivers";
import { approveAll } from "./gate.js";

const [url = "", tenant = ""] = process.argv.slice(2);
await using store = await openStore(url);
process.send?.(await approveAll(store, tenant));
process.disconnect?.();
