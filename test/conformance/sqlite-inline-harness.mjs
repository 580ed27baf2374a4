import sqlite from "./sqlite-harness.mjs";

/** The same files, written in the caller's thread. */
export default {
  ...sqlite,
  name: "sqlite, inline",
  open: (space, options) => sqlite.open(space, { thread: "inline", ...options }),
};
