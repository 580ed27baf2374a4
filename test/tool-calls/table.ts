import type { SessionIdentity } from "../../src/index.js";
import { createToolCalls, type ToolCalls } from "../../src/tool-calls/index.js";
import type { WrapperTable } from "../wrappers/wrapper.js";

export const MAIL = { tool: "mail", arguments: { to: "ada", n: [1, null] } };

export const ENDS = {
  succeed: (calls: ToolCalls, who: SessionIdentity, id: string) => calls.succeed(who, id, { result: id }),
  fail: (calls: ToolCalls, who: SessionIdentity, id: string) => calls.fail(who, id, { error: "no" }),
  abandon: (calls: ToolCalls, who: SessionIdentity, id: string) =>
    calls.abandon(who, id, { reason: "nobody knows" }),
};

/** Tool calls, for the tests that all wrappers share. */
export const TOOL_CALLS: WrapperTable<ToolCalls> = {
  open: (store, options) => createToolCalls(store, options),
  make: (calls, who, id) => calls.begin(who, { ...MAIL, id, run: "r", token: `begin ${id}` }),
  find: (calls, who, id) => calls.find(who, id),
  listed: async (calls, where) => (await calls.list(where, { limit: 1000 })).calls.map(({ id }) => id),
  sweep: async (calls, scope) => {
    for await (const _ of calls.recover(scope));
  },
  methods: { ...ENDS, get: (calls, who, id) => calls.get(who, id) },
  walk: {
    begin: (calls, who, id) => calls.begin(who, { ...MAIL, id, run: "r", token: `begin ${id}` }),
    succeed: (calls, who, id) => calls.succeed(who, id, { result: { id }, by: "w", token: `end ${id}` }),
  },
  kindOf: (id) => `tool-call/${id}`,
  damages: (stored) => [
    { ...stored, status: "open" },
    { ...stored, status: "succeeded" },
    { ...stored, createdAt: "2030" },
    { ...stored, digest: null },
    { ...stored, outcome: { error: "no", at: 1 } },
    { ...stored, status: "failed", outcome: { error: "no", result: 1, at: 1 } },
  ],
};
