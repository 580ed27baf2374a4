import type { Random } from "../../conformance/inputs/seeded.js";
import type { Operation } from "../preload/io-record.js";
import { FileContent } from "./file-content.js";
import {
  ALL,
  type FileChange,
  type Keeps,
  keeping,
  put,
  type Remainder,
  someSectors,
  type Unsynced,
} from "./remainder.js";

/** A file as a power cut left it, with all of its names. */
export interface LeftFile {
  readonly names: readonly string[];
  readonly bytes: Uint8Array;
}

/** In `unsynced()`: names that are not durable. */
export const FOLDER = "";

/**
 * The disk below a folder, as POSIX promises it and no better: a sync makes the content of one file durable, a sync of
 * the folder its names; everything else reaches the disk in any order, sector by sector, or not at all. What a failed
 * sync should have written may be lost, and no later sync brings it back.
 */
export class Disk {
  readonly #random: Random;
  /** The file that last had an inode; of every file what is kept here is its durable content. */
  readonly #inodes = new Map<bigint, FileContent>();
  /** As programs see them. */
  readonly #names = new Map<string, FileContent>();
  readonly #durableNames = new Map<string, FileContent>();
  #unsynced: Unsynced[] = [];
  /** Whose changes these are; `FOLDER` for names. */
  readonly #unsyncedPlaces = new Set<FileContent | typeof FOLDER>();

  /** `files` are there from the beginning, and durable. `random` decides what failed syncs lose. */
  constructor(files: readonly LeftFile[], random: Random) {
    this.#random = random;
    for (const { names, bytes } of files) {
      const file = new FileContent(bytes);
      for (const name of names) {
        this.#names.set(name, file);
        this.#durableNames.set(name, file);
      }
    }
  }

  carryOut(operation: Operation): void {
    switch (operation.is) {
      case "open":
        this.#open(operation.inode, operation.name, operation.created);
        break;
      case "write":
      case "truncate":
        this.#change({ ...operation, file: this.#file(operation.inode) });
        break;
      case "sync":
        this.#sync(this.#file(operation.inode), ALL);
        break;
      case "failed sync":
        this.#sync(this.#file(operation.inode), someSectors(this.#random));
        break;
      case "folder sync":
        this.#syncNames();
        break;
      case "unlink":
        this.#rename(operation.name, undefined);
        break;
      case "link":
        this.#rename(operation.to, this.#names.get(operation.name));
    }
  }

  /** The names of files whose content is not durable; `FOLDER` for names that are not. */
  unsynced(): readonly string[] {
    const names = [...this.#names].filter(([, file]) => this.#unsyncedPlaces.has(file)).map(([name]) => name);
    return this.#unsyncedPlaces.has(FOLDER) ? [...names, FOLDER] : names;
  }

  /** What is there after a power cut at this moment. */
  after(remainder: Remainder, random: Random): readonly LeftFile[] {
    const names = new Map(this.#durableNames);
    const contents = new Map<FileContent, FileContent>();
    const kept = keeping(remainder, this.#unsynced.length, random);
    for (const [index, change] of this.#unsynced.entries()) {
      const keeps = kept(index, change);
      if ("name" in change) {
        if (keeps(0)) setOrDelete(names, change.name, change.file);
        continue;
      }
      const content = contents.get(change.file) ?? change.file.copy();
      contents.set(change.file, content);
      put(content, change, keeps);
    }
    return [...new Set(names.values())].map((file) => ({
      names: [...names].filter(([, other]) => other === file).map(([name]) => name),
      bytes: (contents.get(file) ?? file).bytes,
    }));
  }

  #file(inode: bigint): FileContent {
    const file = this.#inodes.get(inode);
    if (file === undefined) throw new Error("the record does not say how a file came about");
    return file;
  }

  #open(inode: bigint, name: string, created: boolean): void {
    const file = created ? new FileContent() : this.#names.get(name);
    if (file === undefined) throw new Error(`the record does not say where ${name} comes from`);
    this.#inodes.set(inode, file);
    if (created) this.#rename(name, file);
  }

  #change(change: FileChange): void {
    this.#unsynced.push(change);
    this.#unsyncedPlaces.add(change.file);
  }

  #rename(name: string, file: FileContent | undefined): void {
    this.#unsynced.push({ name, file });
    this.#unsyncedPlaces.add(FOLDER);
    setOrDelete(this.#names, name, file);
  }

  #sync(file: FileContent, keeps: Keeps): void {
    this.#unsynced = this.#unsynced.filter((change) => {
      if ("name" in change || change.file !== file) return true;
      put(file, change, keeps);
      return false;
    });
    this.#unsyncedPlaces.delete(file);
  }

  #syncNames(): void {
    this.#unsynced = this.#unsynced.filter((change) => {
      if ("name" in change) setOrDelete(this.#durableNames, change.name, change.file);
      return !("name" in change);
    });
    this.#unsyncedPlaces.delete(FOLDER);
  }
}

function setOrDelete<K, V>(map: Map<K, V>, key: K, value: V | undefined): void {
  if (value === undefined) map.delete(key);
  else map.set(key, value);
}
