// A server of the example, as a process of its own: prints its address, and ends with its parent.
import { openStore } from "groundstate";
import "groundstate/drivers";
import { chatServer } from "./ai-sdk/chat-server.js";
import { scriptedModel } from "./ai-sdk/model.js";

const [url, delayMs] = process.argv.slice(2);
const server = chatServer(await openStore(url), scriptedModel(Number(delayMs)), 200).listen(
  0,
  "127.0.0.1",
  () => {
    process.stdout.write(`http://127.0.0.1:${server.address().port}\n`);
  },
);
process.stdin.resume().on("end", () => process.exit());
