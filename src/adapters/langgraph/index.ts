export type { Owner } from "../owner.js";
export type { Configurable } from "./place.js";
export { GroundstateSaver, type SaverOptions } from "./saver.js";
export { GroundstateStore, type StoreOptions } from "./store.js";
