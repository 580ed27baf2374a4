import type { SqliteSettings } from "../config.js";
import type { DatabaseFiles } from "../file-identity.js";
import type { SqlitePackage } from "../load-package.js";
import type { Work } from "./messages.js";
import { notStarted, WriterThread } from "./writer-thread.js";

/**
 * A thread costs some 8 MiB and several file handles. More than a few threads make nothing faster, because they wait for
 * the same disk.
 */
const MAX_THREADS = 4;

const threads = new Set<WriterThread>();
let lastFile = 0;

/** Assigns a file to a thread: one without files, or a new thread while there are few, or the one with the fewest files. */
export function threadedFileFor(
  settings: SqliteSettings,
  SqliteError: SqlitePackage["SqliteError"],
  files: DatabaseFiles | undefined,
): ThreadedFile {
  for (const thread of threads) if (thread.isLost) threads.delete(thread);
  const idle = [...threads].find((thread) => thread.files === 0);
  const thread = idle ?? (threads.size < MAX_THREADS ? start(SqliteError) : leastBusy());
  return new ThreadedFile(thread, settings, files);
}

function start(SqliteError: SqlitePackage["SqliteError"]): WriterThread {
  try {
    const thread = new WriterThread(SqliteError);
    threads.add(thread);
    return thread;
  } catch (error) {
    throw notStarted(error);
  }
}

function leastBusy(): WriterThread {
  return [...threads].reduce((least, thread) => (thread.files < least.files ? thread : least));
}

/** One file in a worker thread, from its opening to its close. */
export class ThreadedFile {
  /** The files it writes, once the database is open there. */
  readonly opened: Promise<DatabaseFiles>;
  readonly #thread: WriterThread;
  readonly #file = ++lastFile;
  #isLost = false;

  constructor(thread: WriterThread, settings: SqliteSettings, files: DatabaseFiles | undefined) {
    this.#thread = thread;
    thread.addFile();
    const work: Work = { op: "open", settings, ...(files ? { files } : {}) };
    this.opened = thread.request(this.#file, work).catch((error) => {
      this.#isLost = true;
      thread.removeFile();
      throw error;
    }) as Promise<DatabaseFiles>;
  }

  /** Whether the file is closed or its thread has ended. */
  get isLost(): boolean {
    return this.#isLost || this.#thread.isLost;
  }

  request(work: Work): Promise<unknown> {
    return this.#thread.request(this.#file, work);
  }

  /** Closes the database. Its thread goes on with other files. */
  async close(): Promise<void> {
    try {
      await this.request({ op: "close" });
    } finally {
      this.#isLost = true;
      this.#thread.removeFile();
    }
  }
}
