import type { Codec } from "../typed/codec.js";
import { mappedJson } from "../typed/codec.js";
import { readTime } from "../validation/fields.js";
import { readObject } from "../validation/validate.js";
import { readText } from "../validation/validate-text.js";
import { type Pointer, readPointer } from "./pointer.js";

/** The digest of the value of each field by which a record is listed. */
export type Groups = Readonly<Record<string, string>>;

/** What an entry of a list holds. */
export interface StatusPointer extends Pointer {
  /** `null`: never. Absent where no record of the lifecycle expires. */
  readonly expiresAt?: number | null;
  /** Absent where no record is listed by a field, and where the entry was written before they were. */
  readonly groups?: Groups;
  /** Retention has removed the payload of the record. */
  readonly isBare?: boolean;
}

export function statusPointerCodec(expires: boolean): Codec<StatusPointer> {
  return mappedJson<StatusPointer>({
    write: (pointer) => ({ ...pointer }),
    read(value) {
      const { expiresAt, groups, isBare } = readObject(value, "pointer") as Partial<StatusPointer>;
      return {
        ...readPointer(value),
        ...(expires ? { expiresAt: expiresAt === null ? null : readTime(expiresAt, "expiresAt") } : {}),
        ...(groups === undefined ? {} : { groups: readGroups(groups) }),
        ...(isBare === true && { isBare }),
      };
    },
  });
}

function readGroups(value: unknown): Groups {
  const given = Object.entries(readObject(value, "groups"));
  return Object.fromEntries(given.map(([field, digest]) => [field, readText(digest, "groups", 64)]));
}
