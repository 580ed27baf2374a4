import type { CombinedWork } from "../typed/combined/combined-work.js";
import type { WriteSet } from "./write-set.js";

/** Work on a tenant's accounts: its entries share a commit, which writes each rollup once. */
export type Work<R> = CombinedWork<WriteSet, R>;
