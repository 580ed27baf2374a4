/** What a process did to the files of a folder: see io-record.c. */
export type Operation =
  | { readonly is: "open"; readonly inode: bigint; readonly name: string; readonly created: boolean }
  | { readonly is: "write"; readonly inode: bigint; readonly offset: number; readonly bytes: Buffer }
  | { readonly is: "truncate"; readonly inode: bigint; readonly size: number }
  | { readonly is: "sync" | "failed sync"; readonly inode: bigint }
  | { readonly is: "folder sync" }
  | { readonly is: "unlink"; readonly name: string }
  | { readonly is: "link"; readonly name: string; readonly to: string };

/** What an entry of the record begins with. */
const ENTRY_BYTES = 24;

/** A record as io-record.c wrote it, in its order. */
export function readRecord(record: Buffer): readonly Operation[] {
  const operations: Operation[] = [];
  for (let at = 0; at < record.length; ) {
    const nameStart = at + ENTRY_BYTES;
    const dataStart = nameStart + record.readUInt16LE(at + 2);
    const end = dataStart + record.readUInt32LE(at + 4);
    operations.push(
      operation(
        String.fromCharCode(record.readUInt8(at)),
        record.readBigUInt64LE(at + 8),
        Number(record.readBigInt64LE(at + 16)),
        record.toString("utf8", nameStart, dataStart),
        record.subarray(dataStart, end),
      ),
    );
    at = end;
  }
  return operations;
}

function operation(op: string, inode: bigint, offset: number, name: string, bytes: Buffer): Operation {
  switch (op) {
    case "O":
      return { is: "open", inode, name, created: offset === 1 };
    case "W":
      return { is: "write", inode, offset, bytes };
    case "T":
      return { is: "truncate", inode, size: offset };
    case "S":
      return { is: "sync", inode };
    case "X":
      return { is: "failed sync", inode };
    case "D":
      return { is: "folder sync" };
    case "U":
      return { is: "unlink", name };
    case "L":
      return { is: "link", name, to: bytes.toString() };
    default:
      throw new Error(`the record is damaged: there is no operation ${op}`);
  }
}
