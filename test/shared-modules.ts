/** Folders whose files a worker runs one after the other on modules that it has read once: reading them takes longer than most tests. */
const FOLDERS = [
  "approvals",
  "checkpoints",
  "content",
  "contract",
  "diagnostics",
  "differential",
  "forget-user",
  "fuzz",
  "identity",
  "isolation",
  "layers",
  "ledger",
  "lifecycle",
  "policies",
  "questions",
  "queue",
  "races",
  "rules",
  "runs",
  "sessions",
  "store",
  "tool-calls",
  "typed",
  "validation",
  "watch",
  "wrappers",
];

/** Files in these folders that change what all modules of a process share, by mocks, stubs or copies of modules. */
const ON_THEIR_OWN = ["slices", "replay", "recorded", "driver-store-close", "two-copies", "wall-clock"];

export const SHARED_MODULES = FOLDERS.map(
  (folder) => `test/${folder}/**/!(${ON_THEIR_OWN.join("|")}).test.ts`,
);
