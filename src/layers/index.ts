export { type RetryPolicy, type RetryRuntime, retrying } from "./retrying.js";
