// Kept in the declarations, so that programs see the error code.
import "./errors.js";

export type {
  Attached,
  GatedRecords,
  MovingRecords,
  SessionMove,
  UserData,
  UserMove,
} from "../typed/moving/user-data.js";
export { type MovedTo, movedTo } from "./mark.js";
export { type MovedUser, type MoveUserOptions, moveUser } from "./move-user.js";
export type { WhereBoth } from "./own-records.js";
