export type { Owner } from "../owner.js";
export { GroundstatePushNotificationStore } from "./push-notification-store.js";
export type { A2AStoreOptions } from "./stored.js";
export { GroundstateTaskStore } from "./task-store.js";
