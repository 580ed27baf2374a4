import { type Approvals, createApprovals } from "../../src/approvals/index.js";
import type { WrapperTable } from "../wrappers/wrapper.js";
import { ACTIONS, CALL } from "./states.js";

const APPROVE = { decision: "approve", by: "bob", reason: "fine" } as const;
const EDIT = { ...APPROVE, arguments: { path: "/tmp/b" } };

/** Approvals, for the tests that all wrappers share. */
export const APPROVALS: WrapperTable<Approvals> = {
  open: (store, options) => createApprovals(store, options),
  make: (approvals, who, id) => approvals.request(who, { ...CALL, id }),
  find: (approvals, who, id) => approvals.find(who, id),
  listed: async (approvals, where) =>
    (await approvals.list(where, { limit: 1000 })).approvals.map(({ id }) => id),
  sweep: (approvals, scope) => approvals.expireOverdue(scope, { erased: true }),
  methods: {
    ...ACTIONS,
    get: (approvals, who, id) => approvals.get(who, id),
    wait: (approvals, who, id) => approvals.wait(who, id),
  },
  walk: {
    request: (approvals, who, id) => approvals.request(who, { ...CALL, id }),
    reassign: (approvals, who, id) =>
      approvals.reassign(who, id, { assignee: "bob", by: "ann", token: `reassign ${id}` }),
    extend: (approvals, who, id) => approvals.extend(who, id, { by: "ann", ttlMs: 9, token: `extend ${id}` }),
    decide: (approvals, who, id) => approvals.decide(who, id, { ...APPROVE, token: `decide ${id}` }),
    claim: (approvals, who, id) => approvals.claim(who, id, { ...CALL, token: `claim ${id}` }),
    complete: (approvals, who, id) => approvals.complete(who, id, { token: `complete ${id}` }),
  },
  kindOf: (id) => `approval/${id}`,
  damages: (stored) => [
    { ...stored, status: "open" },
    { ...stored, status: "approved" },
    { ...stored, status: "denied" },
    { ...stored, digest: "0".repeat(63) },
    { ...stored, request: { ...stored.request, arguments: { path: "/" } } },
    { ...stored, request: { ...stored.request, ttlMs: undefined } },
    { ...stored, expiresAt: "2030" },
    { ...stored, requestedAt: undefined },
    { ...stored, decision: { by: "bob", at: 1 } },
    { ...stored, outcome: {} },
    { ...stored, revocation: { by: "bob", at: 1 } },
    { ...stored, votes: { by: "bob", at: 1 } },
    { ...stored, assignment: { by: "bob", at: 1 } },
    { ...stored, extension: { by: "bob", at: 1 } },
    { ...stored, edited: { by: "bob", at: 1 } },
  ],
};

/** The same, of approvals that two people approve with other arguments, and that are taken back. */
export const EDITED: WrapperTable<Approvals> = {
  ...APPROVALS,
  make: (approvals, who, id) => approvals.request(who, { ...CALL, id, approvals: 2 }),
  walk: {
    request: (approvals, who, id) => approvals.request(who, { ...CALL, id, approvals: 2 }),
    first: (approvals, who, id) => approvals.decide(who, id, { ...EDIT, token: `first ${id}` }),
    second: (approvals, who, id) => approvals.decide(who, id, { ...EDIT, by: "eve", token: `second ${id}` }),
    revoke: (approvals, who, id) => approvals.revoke(who, id, { by: "bob", token: `revoke ${id}` }),
  },
};

/** The same, of approvals that have come to their end. */
export const COMPLETED: WrapperTable<Approvals> = {
  ...APPROVALS,
  async make(approvals, who, id) {
    for (const act of Object.values(APPROVALS.walk)) await act(approvals, who, id);
  },
};
