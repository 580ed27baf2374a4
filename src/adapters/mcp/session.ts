/** Tasks and their messages lie in one session of the owner, of this name. */
export const SESSION = "mcp";
