/** Folders whose files a worker runs one after the other on modules that it has read once: reading them takes longer than most tests. */
const FOLDERS = [
  "adapters",
  "approvals",
  "checkpoints",
  "content",
  "contract",
  "diagnostics",
  "differential",
  "expiring",
  "export-user",
  "forget-user",
  "move-user",
  "facts",
  "fuzz",
  "identity",
  "isolation",
  "layers",
  "ledger",
  "lifecycle",
  "memories",
  "policies",
  "questions",
  "queue",
  "races",
  "retention",
  "rules",
  "runs",
  "schedules",
  "search",
  "sessions",
  "store",
  "tool-calls",
  "typed",
  "validation",
  "watch",
  "wrappers",
];

/** Files that mock modules of the sources or of Node's under them, or that load the sources twice. */
export const CHANGE_MODULES = [
  "approvals/slices",
  "drivers/sqlite-adaptive",
  "drivers/sqlite-many-stores",
  "drivers/sqlite-thread",
  "store/driver-store-close",
  "store/two-copies",
  "typed/wall-clock",
].map((name) => `test/${name}.test.ts`);

/** Files in the folders above that change what all modules of a process share. */
const ON_THEIR_OWN = ["slices", "replay", "recorded", "driver-store-close", "two-copies", "wall-clock"];

export const SHARED_MODULES = FOLDERS.map(
  (folder) => `test/${folder}/**/!(${ON_THEIR_OWN.join("|")}).test.ts`,
);
