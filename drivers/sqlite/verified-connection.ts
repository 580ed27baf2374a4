import type { Connection } from "./connection.js";
import type { FileGuard } from "./file-identity.js";
import { schemaVersion } from "./schema.js";

/**
 * A later connection to the files of an earlier one. Closes it and throws UNAVAILABLE if it is to other files. A
 * connection opens the log at its first read, and creates an empty one if it is gone: so the files are checked before that
 * read and after it.
 */
export function verifiedConnection(connection: Connection, guard: FileGuard): Connection {
  try {
    guard.verify();
    try {
      schemaVersion(connection);
    } finally {
      // With an empty log, SQLite takes what the index says for damage.
      guard.verify();
    }
    return connection;
  } catch (error) {
    connection.close();
    throw error;
  }
}
