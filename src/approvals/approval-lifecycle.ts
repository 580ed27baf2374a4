import type { LifecycleDeclaration, PlaceOfField } from "../lifecycle/declaration.js";
import { acceptParsed } from "../lifecycle/parsed-json.js";
import { type Approval, type Edit, TRANSITIONS } from "./approval.js";
import { isSameContent } from "./fingerprint.js";
import type { StoredRequest } from "./request.js";
import type { StoredEdit } from "./stored-acts.js";
import {
  approvalOf,
  assigneeOf,
  endOf,
  REQUEST_CODEC,
  STATE_CODEC,
  type StoredState,
  takeRequestOut,
  withoutPayload,
} from "./stored-approval.js";

type Field = Omit<PlaceOfField<StoredRequest, StoredState>, "under">;

/** What lists are filtered by. No list of each value is kept: every change of a status would write ten more entries. */
const FIELDS: readonly Field[] = [
  { field: "tool", value: ({ tool }) => tool, filtered: true },
  { field: "run", value: ({ run }) => run, filtered: true },
  { field: "requester", value: ({ requester }) => requester, filtered: true },
  { field: "assignee", value: (content, state) => assigneeOf(state, content), filtered: true },
  { field: "digest", value: (_, { digest }) => digest, filtered: true },
];

/** Approvals as a lifecycle. */
export const APPROVAL: LifecycleDeclaration<StoredState, StoredRequest, Approval> = {
  name: "approval",
  contentName: "request",
  transitions: TRANSITIONS,
  expired: "expired",
  awaited: ["pending"],
  listedBy: [
    { under: "session" },
    { under: "tenant" },
    { under: "user", filtered: true },
    ...(["session", "user", "tenant"] as const).flatMap((under) =>
      FIELDS.map((field) => ({ ...field, under })),
    ),
  ],
  fieldsAdded: true,
  located: true,
  stateCodec: STATE_CODEC,
  contentCodec: REQUEST_CODEC,
  laterPart: {
    name: "edit",
    isIn: ({ edited }) => edited !== undefined,
    read: (part) => ({ arguments: acceptParsed((part as Edit).arguments, "arguments") }),
    of: ({ edited }) => ({ arguments: (edited as StoredEdit).arguments }),
    join: (state, part) => ({
      ...state,
      edited: { ...(state.edited as StoredEdit), arguments: (part as Edit).arguments },
    }),
    field: "arguments",
  },
  largeFields: ["arguments", "sender"],
  view: approvalOf,
  endedAt: endOf,
  withoutPayload,
  isSame: isSameContent,
  takeApart: takeRequestOut,
};
