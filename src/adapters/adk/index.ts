export type { TenantOwner } from "../owner.js";
export { GroundstateSessionService, type SessionServiceOptions } from "./session-service.js";
