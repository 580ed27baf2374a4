export type { UserData } from "../typed/moving/user-data.js";
export { type ExportUserOptions, exportUser } from "./export-user.js";
