export type { UserData } from "../typed/moving/user-data.js";
export { type ForgetUserOptions, type ForgottenUser, forgetUser } from "./forget-user.js";
