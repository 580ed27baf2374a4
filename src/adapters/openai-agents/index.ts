export type { Owner } from "../owner.js";
export { GroundstateSession, type GroundstateSessionOptions } from "./session.js";
