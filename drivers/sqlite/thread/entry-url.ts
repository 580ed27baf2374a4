/** The module that a thread which writes runs. */
export const ENTRY = new URL("./entry.js", import.meta.url);
