PRAGMA journal_mode = WAL;
PRAGMA application_id = 1196643393;
PRAGMA user_version = 1;

CREATE TABLE record (
  id INTEGER PRIMARY KEY,
  tenant TEXT NOT NULL,
  user TEXT NOT NULL,
  session TEXT NOT NULL,
  run TEXT NOT NULL,
  kind TEXT NOT NULL,
  event_id TEXT NOT NULL,
  fingerprint TEXT NOT NULL,
  version INTEGER NOT NULL,
  updated_at INTEGER NOT NULL,
  bytes BLOB NOT NULL,
  UNIQUE (tenant, user, session, run, kind)
) STRICT;

CREATE INDEX record_by_kind ON record (tenant, kind, user, session, run);

CREATE TABLE event (
  id INTEGER PRIMARY KEY,
  tenant TEXT NOT NULL,
  event_id TEXT NOT NULL,
  record INTEGER NOT NULL,
  fingerprint TEXT,
  saved_at INTEGER NOT NULL,
  lined_up_at INTEGER NOT NULL,
  UNIQUE (event_id, tenant)
) STRICT;

INSERT INTO record VALUES (1, 'acme', 'ann', 's1', '', 'overwritten', '7ZZZZZZZZZZZZZZZZZZZZZZZZZ', '3vfKIUGv05UpPQZyFcfN3aI345igDIn8CzATp5vMNxA', 1, 1800000000000, x'78');
INSERT INTO record VALUES (2, 'acme', 'ann', 's1', '', 'lowest', '00000000000000000000000000', 'V1uDSA00jNMWj_u4dOJhVrfZSELNbGZ9umhnl25i040', 1, 1800000000000, x'78');
INSERT INTO record VALUES (3, 'acme', 'ann', 's1', '', 'highest character', '0HJKMNPQRSTVWXYZ0123456789', 's9-Zv7dYkruocmhcK1Tg4DBPBR3rAdtszuKWdFzKwrI', 1, 1800000000000, x'78');
INSERT INTO record VALUES (4, 'acme', 'ann', 's1', '', 'lower case', '01kdvae0000123456789abcdef', 'AdjQNjLtDND6LGj2ASPpivkKSud2z4loFq50DVjLJ-A', 1, 1800000000000, x'78');
INSERT INTO record VALUES (5, 'acme', 'ann', 's1', '', 'no ULID', '8ZZZZZZZZZZZZZZZZZZZZZZZZZ', 'rjP8R7Tr3MMH3q7rrEIkZwZflyErAMBfY3H2aM-26vk', 1, 1800000000000, x'78');
INSERT INTO record VALUES (6, 'acme', 'ann', 's1', '', 'with an I', '01KDVAE000I123456789ABCDEF', 'drTj-qNBr8IeLpCeS7IExZyV3wx5M-wpxRoA-cW8QOI', 1, 1800000000000, x'78');
INSERT INTO record VALUES (7, 'acme', 'ann', 's1', '', 'short', 'e', 'P3m7e0NbBTIWUdrv03TNxoHcBvqmXjdOODN7iMoEbeo', 1, 1800000000000, x'78');
INSERT INTO record VALUES (8, 'acme', 'ann', 's1', '', 'umlauts', 'größe/ß', 'MQ4lmbMTnl35v1lxOdF_d1tBveHRHvJ9IRGO9D2q35s', 1, 1800000000000, x'78');
INSERT INTO record VALUES (9, 'acme', 'ann', 's1', '', 'long', 'long long long long long long long long long long long long long long long long long long long long long long long long long 123', 'YpRSSdppTCt9ie1Fheg3ZRpjFMDNK9HdCJzjaJAH2xA', 1, 1800000000000, x'78');
INSERT INTO record VALUES (12, 'Zürich', 'ann', 's1', '', 'same id elsewhere', '01KDVAE0000123456789ABCDEF', 'Nz8vqwvHQk1TXjcdq3yNYrO4maYRz7PhjCXgpVZqpqs', 1, 1800000000000, x'78');

INSERT INTO event VALUES (1, 'acme', '01KDVAE0000123456789ABCDEF', 1, 'Nz8vqwvHQk1TXjcdq3yNYrO4maYRz7PhjCXgpVZqpqs', 1800000000000, 1800000000000);
INSERT INTO event VALUES (2, 'acme', '7ZZZZZZZZZZZZZZZZZZZZZZZZZ', 1, '3vfKIUGv05UpPQZyFcfN3aI345igDIn8CzATp5vMNxA', 1800000000000, 1800000000000);
INSERT INTO event VALUES (3, 'acme', '00000000000000000000000000', 2, 'V1uDSA00jNMWj_u4dOJhVrfZSELNbGZ9umhnl25i040', 1800000000000, 1800000000000);
INSERT INTO event VALUES (4, 'acme', '0HJKMNPQRSTVWXYZ0123456789', 3, 's9-Zv7dYkruocmhcK1Tg4DBPBR3rAdtszuKWdFzKwrI', 1800000000000, 1800000000000);
INSERT INTO event VALUES (5, 'acme', '01kdvae0000123456789abcdef', 4, 'AdjQNjLtDND6LGj2ASPpivkKSud2z4loFq50DVjLJ-A', 1800000000000, 1800000000000);
INSERT INTO event VALUES (6, 'acme', '8ZZZZZZZZZZZZZZZZZZZZZZZZZ', 5, 'rjP8R7Tr3MMH3q7rrEIkZwZflyErAMBfY3H2aM-26vk', 1800000000000, 1800000000000);
INSERT INTO event VALUES (7, 'acme', '01KDVAE000I123456789ABCDEF', 6, 'drTj-qNBr8IeLpCeS7IExZyV3wx5M-wpxRoA-cW8QOI', 1800000000000, 1800000000000);
INSERT INTO event VALUES (8, 'acme', 'e', 7, 'P3m7e0NbBTIWUdrv03TNxoHcBvqmXjdOODN7iMoEbeo', 1800000000000, 1800000000000);
INSERT INTO event VALUES (9, 'acme', 'größe/ß', 8, 'MQ4lmbMTnl35v1lxOdF_d1tBveHRHvJ9IRGO9D2q35s', 1800000000000, 1800000000000);
INSERT INTO event VALUES (10, 'acme', 'long long long long long long long long long long long long long long long long long long long long long long long long long 123', 9, 'YpRSSdppTCt9ie1Fheg3ZRpjFMDNK9HdCJzjaJAH2xA', 1800000000000, 1800000000000);
INSERT INTO event VALUES (11, 'acme', '01KDVAE0000000000000000001', 10, 'kOLVboq5GByoXNcKMK1fq0oeqcpqggf22sNplfMgfP8', 1800000000000, 1800000000000);
INSERT INTO event VALUES (12, 'acme', '01KDVAE0000000000000000002', 11, NULL, 1800000000000, 1800000000000);
INSERT INTO event VALUES (13, 'Zürich', '01KDVAE0000123456789ABCDEF', 12, 'Nz8vqwvHQk1TXjcdq3yNYrO4maYRz7PhjCXgpVZqpqs', 1800000000000, 1800000000000);
