export type { ApprovalOptions } from "../approved-calls.js";
export type { Owner } from "../owner.js";
export type { StreamEnd } from "./active-stream.js";
export { type ChatInfo, type ChatOptions, type ChatPage, GroundstateChats } from "./chats.js";
export { ResumableStreams, type ResumableStreamsOptions } from "./streams.js";
export { type DecidedMessage, ToolApprovals, type ToolApprovalsOptions } from "./tool-approvals.js";
