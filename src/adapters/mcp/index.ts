export type { Owner } from "../owner.js";
export { type EventStoreOptions, GroundstateEventStore } from "./event-store.js";
export { GroundstateTaskMessageQueue, type TaskMessageQueueOptions } from "./message-queue.js";
export { GroundstateTaskStore, type TaskStoreOptions } from "./task-store.js";
