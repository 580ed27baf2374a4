/** What the entrants are called in tables, and found by in results. */
export const ENTRANT = {
  floor: "Groundstate",
  floorInline: 'Groundstate, thread "inline"',
  sqliteRaw: "better-sqlite3, one transaction per save",
  sqliteBatches: "better-sqlite3, batches of 64 into Groundstate's tables",
  keyv: "keyv",
  keyvShipped: "keyv (!) as shipped",
  unstorage: "unstorage on db0",
  unstorageShipped: "unstorage on db0 (!) as shipped",
  langgraph: "langgraph-checkpoint",
  langgraphShipped: "langgraph-checkpoint (!) as shipped",
  ownSaver: "LangGraph's own saver",
  saver: "GroundstateSaver",
  lmdb: "lmdb (another kind of engine)",
  pgbench: "pgbench",
  postgresTen: "postgres client, 10 connections",
  postgresOne: "postgres client, 1 connection",
  singleSaves: "Groundstate, single saves",
  commits: "Groundstate, commits",
  saveAlone: "a save alone",
  lookups: "a save beside four lookups",
  checks: "a save with four checks",
  fiveSaves: "five saves in a commit",
  sharedBatches: 'Groundstate, batch "shared"',
  tenantBatches: 'Groundstate, batch "tenant"',
  notifying: 'Groundstate, batch "shared", notify',
  map: "Map with the same copies and hashes",
  keyvMemory: "keyv (no copies, no hashes)",
  rawRange: "raw index range",
  summaries: "summarize, from rollups",
  readEntries: "reading the entries",
  record: "record, with its rollups",
  bareSaves: "bare saves of as many bytes",
} as const;

/** The peers that a race at equal durability is about. */
export const PEERS: readonly string[] = [ENTRANT.keyv, ENTRANT.unstorage, ENTRANT.langgraph];

/** The search of memories that reads all of them. */
export const FIRST_SEARCH = "the first search";
