/** What wrappers are made of. */
export * from "./lifecycle/index.js";
export * from "./typed/index.js";
