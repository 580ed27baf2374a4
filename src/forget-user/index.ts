export { type ForgottenUser, forgetUser } from "./forget-user.js";
