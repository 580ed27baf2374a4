import { ENTRANT } from "./names.js";
import { atLeast, atMost, below, type Target } from "./target.js";
import {
  added,
  bursting,
  bytesPerSave,
  commits,
  growthCost,
  importing,
  missing,
  opening,
  over,
  overwriting,
  scanCost,
  scanMemory,
  searching,
  slow,
  summarizing,
  summaryMemory,
  tenth,
} from "./target-readings.js";

const { floor, sqliteRaw, sqliteBatches, keyv, unstorage, langgraph, lmdb } = ENTRANT;
const { pgbench, postgresTen, postgresOne, map } = ENTRANT;

const SMALL = 256;
const LARGE = 4096;
const MS = { unit: "ms" };
const IN_MIB = { unit: "MiB" };
const BYTES = { unit: "bytes" };

export const TARGETS: readonly Target[] = [
  atLeast(
    "SQLite",
    "SQLite save, 256 bytes, 64 writers, over one transaction per save",
    3.5,
    over("sqlite", SMALL, "save", 64, sqliteRaw),
  ),
  atLeast("SQLite", "the same, 4 KiB", 2.5, over("sqlite", LARGE, "save", 64, sqliteRaw)),
  atLeast("SQLite", "the same, 256 bytes, 1 ms added per fsync", 15, slow(1)),
  atLeast(
    "SQLite",
    "save, 256 bytes, 64 writers, over raw batches of 64 into the same tables",
    0.7,
    over("sqlite", SMALL, "save", 64, sqliteBatches),
    { aim: 0.8 },
  ),
  below(
    "SQLite",
    "p99 delay of the event loop, save, 256 bytes, 64 writers",
    3,
    (r) => r.loopP99(r.raceOf("sqlite", SMALL), "save", 64, floor),
    MS,
  ),
  atMost("SQLite", "time of a lone save over the raw client's, 256 bytes", 1.5, (r) =>
    r.ratio(r.raceOf("sqlite", SMALL), "save", 1, sqliteRaw, floor),
  ),
  atLeast(
    "SQLite",
    "SQLite load, 256 bytes, 64 readers, over the raw prepared read",
    0.7,
    over("sqlite", SMALL, "load", 64, sqliteRaw),
  ),
  atLeast("SQLite", "the same, 1 reader", 0.55, over("sqlite", SMALL, "load", 1, sqliteRaw)),
  ...["SQLite", "Postgres"].map((driver) =>
    atMost(
      driver,
      "time of a load at 1 million records over 10 thousand, 64 readers",
      1.3,
      growthCost(driver, "load", 64),
    ),
  ),
  atLeast(
    "Postgres",
    "save, 256 bytes, 64 writers, over pgbench with 64",
    1.3,
    over("postgres", SMALL, "save", 64, pgbench),
  ),
  atMost("Postgres", "the same: the server's CPU time per save over that of pgbench's bare upsert", 1, (r) =>
    r.serverCpuRatio(r.raceOf("postgres", SMALL), "save", 64, floor, pgbench),
  ),
  atLeast(
    "Postgres",
    "save, 256 bytes, 512 writers, over pgbench with 512",
    5,
    over("postgres", SMALL, "save", 512, pgbench),
  ),
  atLeast(
    "Postgres",
    "Postgres save, 64 writers, over the raw client, 10 connections",
    2,
    over("postgres", SMALL, "save", 64, postgresTen),
  ),
  atLeast(
    "Postgres",
    "Postgres save, 1 writer, over the raw client's bare upsert",
    0.75,
    over("postgres", SMALL, "save", 1, postgresOne),
  ),
  atLeast(
    "Postgres",
    "Postgres load, 64 readers, over the raw client, 10 connections",
    6,
    over("postgres", SMALL, "load", 64, postgresTen),
  ),
  atLeast(
    "Postgres",
    "commits of 5 writes, 64 callers, over the same writes as single saves, per write",
    0.7,
    commits("Postgres"),
  ),
  atLeast(
    "memory",
    "memory save, 256 bytes, 64 callers, over a Map",
    0.6,
    over("memory", SMALL, "save", 64, map),
  ),
  atLeast(
    "memory",
    "memory load, 256 bytes, 64 callers, over a Map",
    0.9,
    over("memory", SMALL, "load", 64, map),
  ),
  atLeast(
    "memory",
    "memory save, 4 KiB, 64 callers, over a Map",
    0.6,
    over("memory", LARGE, "save", 64, map),
  ),
  atLeast(
    "memory",
    "memory load, 4 KiB, 64 callers, over a Map",
    0.9,
    over("memory", LARGE, "load", 64, map),
  ),
  ...["SQLite", "Postgres"].flatMap((driver) => [
    atMost(
      "scans",
      `time of listKind, all tenants, over the raw index range, ${driver}`,
      1.5,
      scanCost(driver, "listKind, all tenants"),
    ),
    atMost(
      "scans",
      `time of listKind, one tenant, over the raw index range, ${driver}`,
      2,
      scanCost(driver, "listKind, one tenant"),
    ),
    below("scans", `memory added by scanKind over everything, ${driver}`, 64, scanMemory(driver), IN_MIB),
    atMost(
      "scans",
      `time of listKind in one tenant at 1 million records over 10 thousand, ${driver}`,
      2,
      growthCost(driver, "listKind", 1),
      { own: true },
    ),
  ]),
  atLeast(
    "scans",
    "overwrites with a short window: last tenth over first tenth",
    0.9,
    overwriting((o) => tenth(o, 9, "perSecond") / tenth(o, 0, "perSecond")),
    { own: true },
  ),
  atMost(
    "scans",
    "the same: size of the file at the end over that at half",
    1.1,
    overwriting((o) => tenth(o, 9, "fileBytes") / tenth(o, 4, "fileBytes")),
    { own: true },
  ),
  atLeast("peers", "SQLite: least ahead of a peer in any row", 1, (r) => r.leastAhead("sqlite", floor)),
  atLeast("peers", "Postgres: least ahead of a peer in any row", 1, (r) => r.leastAhead("postgres", floor)),
  atLeast(
    "peers",
    "lone SQLite save, 256 bytes, over unstorage",
    1,
    over("sqlite", SMALL, "save", 1, unstorage),
  ),
  atLeast("peers", "lone Postgres save, 256 bytes, over keyv", 1, over("postgres", SMALL, "save", 1, keyv)),
  atLeast(
    "peers",
    "SQLite save, 256 bytes, 64 writers, over keyv",
    8,
    over("sqlite", SMALL, "save", 64, keyv),
  ),
  atLeast("peers", "the same over langgraph-checkpoint", 8, over("sqlite", SMALL, "save", 64, langgraph)),
  atLeast("peers", "the same over unstorage", 6, over("sqlite", SMALL, "save", 64, unstorage)),
  atLeast("peers", "the same over lmdb", 1, over("sqlite", SMALL, "save", 64, lmdb)),
  atLeast(
    "peers",
    "Postgres save, 256 bytes, 64 writers, over keyv",
    3,
    over("postgres", SMALL, "save", 64, keyv),
  ),
  atLeast("peers", "the same over langgraph-checkpoint", 7, over("postgres", SMALL, "save", 64, langgraph)),
  ...["memory", "sqlite", "postgres"].flatMap((driver) => [
    atMost(
      "bursts",
      `burst on ${driver}: not acknowledged, lost or out of order`,
      0,
      bursting(driver, missing),
      {
        unit: "saves",
      },
    ),
    below("bursts", `burst on ${driver}: memory added`, 512, bursting(driver, added), {
      ...IN_MIB,
      own: true,
    }),
  ]),
  ...["SQLite", "Postgres"].flatMap((driver) => [
    atLeast(
      "ledger",
      `a year's ledger, summarized by model, over reading the entries, ${driver}`,
      5,
      summarizing(driver, "by model"),
      { own: true },
    ),
    below(
      "ledger",
      `memory added by summarizing a year by model and by day, ${driver}`,
      64,
      summaryMemory(driver),
      {
        ...IN_MIB,
        own: true,
      },
    ),
  ]),
  ...["sqlite", "postgres"].map((driver) =>
    below(
      "memories",
      `p95 of a search among 10,000 memories of a user once warm, ${driver}`,
      50,
      searching(driver),
      MS,
    ),
  ),
  atMost("idempotency", "bytes remembered per save, SQLite", 80, bytesPerSave("SQLite"), BYTES),
  atMost("idempotency", "bytes remembered per save, Postgres", 160, bytesPerSave("Postgres"), BYTES),
  below("opening", "openStore on an existing SQLite file", 15, opening("SQLite", "laterMs"), MS),
  below(
    "opening",
    "the same, the first in a process, with loading the package",
    50,
    opening("SQLite", "firstMs"),
    {
      ...MS,
      own: true,
    },
  ),
  atMost(
    "opening",
    "openStore on Postgres, round trips beyond connecting",
    1,
    opening("Postgres", "roundTrips"),
    {
      unit: "",
    },
  ),
  below("opening", "importing groundstate and its drivers", 30, importing, MS),
];
