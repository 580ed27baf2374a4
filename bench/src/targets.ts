import { ENTRANT } from "./names.js";
import { atLeast, atMost, below, type Target } from "./target.js";
import {
  added,
  bursting,
  growthCost,
  missing,
  over,
  overwriting,
  scanCost,
  scanMemory,
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

export const TARGETS: readonly Target[] = [
  atLeast(
    1,
    "SQLite save, 256 bytes, 64 writers, over one transaction per save",
    3.5,
    over("sqlite", SMALL, "save", 64, sqliteRaw),
  ),
  atLeast(1, "the same, 4 KiB", 2.5, over("sqlite", LARGE, "save", 64, sqliteRaw)),
  atLeast(1, "the same, 256 bytes, 1 ms added per fsync", 15, slow(1)),
  atLeast(
    1,
    "SQLite save, 256 bytes, 64 writers, over raw batches of 64",
    0.8,
    over("sqlite", SMALL, "save", 64, sqliteBatches),
  ),
  below(
    2,
    "p99 delay of the event loop, SQLite save, 256 bytes, 64 writers",
    5,
    (r) => r.loopP99(r.raceOf("sqlite", SMALL), "save", 64, floor),
    MS,
  ),
  atMost(2, "time of a lone SQLite save over the raw client's, 256 bytes", 1.7, (r) =>
    r.ratio(r.raceOf("sqlite", SMALL), "save", 1, sqliteRaw, floor),
  ),
  atLeast(
    3,
    "SQLite load, 256 bytes, 64 readers, over the raw prepared read",
    0.7,
    over("sqlite", SMALL, "load", 64, sqliteRaw),
  ),
  atLeast(3, "the same, 1 reader", 0.7, over("sqlite", SMALL, "load", 1, sqliteRaw)),
  atMost(
    3,
    "time of a SQLite load at 1 million records over 10 thousand",
    2,
    growthCost("SQLite", "load", 64),
  ),
  atLeast(
    4,
    "Postgres save, 256 bytes, 64 writers, over pgbench with 64",
    1,
    over("postgres", SMALL, "save", 64, pgbench),
    { aim: 1.5 },
  ),
  atLeast(4, "the same, 512 over 512", 3, over("postgres", SMALL, "save", 512, pgbench)),
  atLeast(
    4,
    "Postgres save, 64 writers, over the raw client, 10 connections",
    2,
    over("postgres", SMALL, "save", 64, postgresTen),
  ),
  atLeast(
    4,
    "Postgres save, 1 writer, over the raw client's bare upsert",
    0.6,
    over("postgres", SMALL, "save", 1, postgresOne),
    { aim: 0.85 },
  ),
  atLeast(
    4,
    "Postgres load, 64 readers, over the raw client, 10 connections",
    2,
    over("postgres", SMALL, "load", 64, postgresTen),
    { aim: 6 },
  ),
  atLeast(5, "memory save, 256 bytes, 64 callers, over a Map", 0.25, over("memory", SMALL, "save", 64, map)),
  atLeast(5, "memory load, 256 bytes, 64 callers, over a Map", 0.4, over("memory", SMALL, "load", 64, map)),
  atLeast(5, "memory save, 4 KiB, 64 callers, over a Map", 0.25, over("memory", LARGE, "save", 64, map)),
  atLeast(5, "memory load, 4 KiB, 64 callers, over a Map", 0.4, over("memory", LARGE, "load", 64, map)),
  ...["SQLite", "Postgres"].flatMap((driver) => [
    atMost(
      6,
      `time of listKind, all tenants, over the raw index range, ${driver}`,
      2,
      scanCost(driver, "listKind, all tenants"),
    ),
    atMost(
      6,
      `time of listKind, one tenant, over the raw index range, ${driver}`,
      2,
      scanCost(driver, "listKind, one tenant"),
    ),
    below(6, `memory added by scanKind over everything, ${driver}`, 64, scanMemory(driver), IN_MIB),
    atMost(
      6,
      `time of listKind in one tenant at 1 million records over 10 thousand, ${driver}`,
      2,
      growthCost(driver, "listKind", 1),
      { own: true },
    ),
  ]),
  atLeast(
    6,
    "overwrites with a short window: last tenth over first tenth",
    0.9,
    overwriting((o) => tenth(o, 9, "perSecond") / tenth(o, 0, "perSecond")),
    { own: true },
  ),
  atMost(
    6,
    "the same: size of the file at the end over that at half",
    1.1,
    overwriting((o) => tenth(o, 9, "fileBytes") / tenth(o, 4, "fileBytes")),
    { own: true },
  ),
  atLeast(7, "SQLite: least ahead of a peer in any row", 1, (r) => r.leastAhead("sqlite", floor)),
  atLeast(7, "Postgres: least ahead of a peer in any row", 1, (r) => r.leastAhead("postgres", floor)),
  atLeast(7, "SQLite save, 256 bytes, 64 writers, over keyv", 8, over("sqlite", SMALL, "save", 64, keyv)),
  atLeast(7, "the same over langgraph-checkpoint", 8, over("sqlite", SMALL, "save", 64, langgraph)),
  atLeast(7, "the same over unstorage", 6, over("sqlite", SMALL, "save", 64, unstorage)),
  atLeast(7, "the same over lmdb", 1, over("sqlite", SMALL, "save", 64, lmdb)),
  atLeast(7, "Postgres save, 256 bytes, 64 writers, over keyv", 3, over("postgres", SMALL, "save", 64, keyv)),
  atLeast(7, "the same over langgraph-checkpoint", 7, over("postgres", SMALL, "save", 64, langgraph)),
  ...["memory", "sqlite", "postgres"].flatMap((driver) => [
    atMost(8, `burst on ${driver}: not acknowledged, lost or out of order`, 0, bursting(driver, missing), {
      unit: "saves",
    }),
    below(8, `burst on ${driver}: memory added`, 512, bursting(driver, added), { ...IN_MIB, own: true }),
  ]),
  ...["SQLite", "Postgres"].flatMap((driver) => [
    atLeast(
      9,
      `a year's ledger, summarized by model, over reading the entries, ${driver}`,
      5,
      summarizing(driver, "by model"),
      { own: true },
    ),
    below(9, `memory added by summarizing a year by model and by day, ${driver}`, 64, summaryMemory(driver), {
      ...IN_MIB,
      own: true,
    }),
  ]),
];
