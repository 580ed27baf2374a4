/** What `inProcesses` starts: runs the modules that it is sent, one after the other, each with a store of its own. */
import { once as nextMessage } from "node:events";
import { writeSync } from "node:fs";
import { openStore } from "groundstate";
import "groundstate/drivers";

const END = "\u0004";

// Nobody is left to run anything for.
process.on("disconnect", () => process.exit(1));
process.on("message", (message) => {
  if (message !== "go on") run(message);
});

async function run({ url, args, me, source }) {
  const failed = await runModule(url, args, me, source).then(
    () => "",
    (error) => error?.stack ?? String(error),
  );
  writeSync(1, `${END}${failed}\n`);
}

async function runModule(url, args, me, source) {
  const store = await openStore(url);
  const meet = async () => {
    const all = nextMessage(process, "message");
    process.send("here");
    await all;
  };
  globalThis.given = { store, args, me, meet };
  await meet();
  // Modules from such URLs are new each time, and know no packages by their names.
  const text = `const { store, args, me, meet } = globalThis.given;${withUrls(source)}//${performance.now()}`;
  await import(`data:text/javascript,${encodeURIComponent(text)}`);
  await store.close();
}

function withUrls(source) {
  const imported = /(?<=\b(?:from|import|import\()\s*)"(groundstate[^"]*)"/g;
  return source.replace(imported, (_, name) => JSON.stringify(import.meta.resolve(name)));
}
