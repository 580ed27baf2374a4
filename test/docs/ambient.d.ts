// What samples may use without declaring it. A sample that declares one of these names means its own.

declare const store: import("groundstate").StateStore;
declare const sessions: ReturnType<typeof import("groundstate/sessions").createSessions>;
declare const approvals: import("groundstate/approvals").Approvals;
declare const policies: import("groundstate/policies").Policies;
declare const checkpoints: import("groundstate/checkpoints").Checkpoints;
declare const runtime: import("groundstate/runtime").Runtime;
declare const artifacts: import("groundstate/artifacts").Artifacts;
declare const memories: import("groundstate/memories").Memories;
declare const toolCalls: import("groundstate/tool-calls").ToolCalls;
declare const questions: import("groundstate/questions").Questions;
declare const runs: import("groundstate/runs").Runs;
declare const schedules: import("groundstate/schedules").Schedules;
declare const ledger: import("groundstate/ledger").Ledger;

/** A session: `{ tenant, user, session }`. */
declare const session: import("groundstate").SessionIdentity;
/** A session or a run of it. */
declare const identity: import("groundstate").Identity;

/** Of a Postgres database. */
declare const url: string;
declare const signal: AbortSignal;
declare const driver: import("groundstate").Driver;
