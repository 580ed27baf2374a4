import { isSoak } from "../soak.js";
import { choosePowerCuts, cutPower } from "./sqlite-power-cuts.js";
import { DATABASE, type Recording } from "./sqlite-recording.js";

/** The recording as if nothing had ever synced the log, the database or the folder. */
export function withoutSyncs(recording: Recording, of: "log" | "database" | "folder"): Recording {
  const file = of === "log" ? `${DATABASE}-wal` : DATABASE;
  const names = new Map<bigint, string>();
  const events = recording.events.filter((event) => {
    if (event.is === "open") names.set(event.inode, event.name);
    if (event.is === "folder sync") return of !== "folder";
    return event.is !== "sync" || of === "folder" || names.get(event.inode) !== file;
  });
  return { ...recording, events };
}

/** The recording as if every so manieth sync had failed, and nobody had been told. */
export function withFailedSyncs(recording: Recording, every: number): Recording {
  let syncs = 0;
  const events = recording.events.map((event): Recording["events"][number] => {
    return event.is === "sync" && ++syncs % every === 0 ? { ...event, is: "failed sync" } : event;
  });
  return { ...recording, events };
}

/** After how many of so many power cuts something that was answered was lost. A short run looks for one. */
export async function losses(recording: Recording, images: number): Promise<number> {
  const cuts = choosePowerCuts(recording, images, recording.options.seed);
  return (await cutPower(recording, cuts, isSoak ? images : 1)).casualties.length;
}
