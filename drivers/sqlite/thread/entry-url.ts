/** The module that a thread which writes runs. */
export const ENTRY: string = new URL("./entry.js", import.meta.url).href;
