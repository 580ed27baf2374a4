import { ENTRANT } from "../names.js";
import { perSecond, Readings, roundsOf } from "../readings.js";
import type { Results } from "../results.js";
import { median } from "../statistics.js";

const CALLERS = 64;
const PAYLOAD = 256;
const WIDEST = 380;
const BAR_X = 262;
const LINE = 25;

/** The entrants in the drawing, and what they are called there. */
const GROUPS = [
  {
    title: "SQLite",
    section: "sqlite",
    shown: [
      [ENTRANT.floor, "Groundstate", "Groundstate"],
      [ENTRANT.lmdb, "lmdb, another kind of engine", "lmdb"],
      [ENTRANT.unstorage, "unstorage on db0", "unstorage"],
      [ENTRANT.keyv, "keyv", "keyv"],
      [ENTRANT.langgraph, "langgraph-checkpoint", "langgraph-checkpoint"],
    ],
  },
  {
    title: "Postgres",
    section: "postgres",
    shown: [
      [ENTRANT.floor, "Groundstate", "Groundstate"],
      [ENTRANT.pgbench, "pgbench, the server's own benchmark", "pgbench"],
      [ENTRANT.keyv, "keyv", "keyv"],
      [ENTRANT.langgraph, "langgraph-checkpoint", "langgraph-checkpoint"],
    ],
  },
] as const;

const STYLE = `
    .card { fill: #ffffff; stroke: #d0d7de }
    .own { fill: #e16f24 }
    .other { fill: #8c959f }
    text { font: 13px system-ui, "Segoe UI", Helvetica, Arial, sans-serif; fill: #1f2328 }
    .label { text-anchor: end }
    .name { font-weight: 600; font-size: 14px }
    .small { font-size: 12px; fill: #57606a }
    @media (prefers-color-scheme: dark) {
      .card { fill: #0d1117; stroke: #30363d }
      .own { fill: #f0883e }
      .other { fill: #6e7681 }
      text { fill: #e6edf3 }
      .small { fill: #9198a1 }
    }
  `;

/** Saves per second with many callers, as an SVG. Throws if a bar was not measured. */
export function drawing(results: Results): string {
  const readings = new Readings(results);
  const groups = GROUPS.map(({ title, section, shown }) => {
    const race = readings.raceOf(section, PAYLOAD);
    const bars = shown.map(([entrant, label, short]) => {
      const rounds = roundsOf(race, "save", CALLERS, entrant);
      if (rounds === undefined) throw new Error(`the drawing needs the saves of ${entrant} on ${title}`);
      return { label, short, speed: median(rounds.map(perSecond)), isOwn: entrant === ENTRANT.floor };
    });
    return { title, bars };
  });
  const most = Math.max(...groups.flatMap(({ bars }) => bars.map(({ speed }) => speed)));
  const lines: string[] = [];
  let y = 58;
  for (const { title, bars } of groups) {
    lines.push(`<text class="name" x="24" y="${y}">${title}</text>`);
    y += 29;
    for (const { label, speed, isOwn } of bars) {
      const width = Math.max(1, Math.round((WIDEST * speed) / most));
      const bar = `<rect class="${isOwn ? "own" : "other"}" x="${BAR_X}" y="${y - 13}" width="${width}" height="18" rx="2"/>`;
      const value = `<text x="${BAR_X + width + 8}" y="${y}">${number(speed)}</text>`;
      lines.push(`<text class="label" x="252" y="${y}">${label}</text>${bar}${value}`);
      y += LINE;
    }
    y += 13;
  }
  const height = y - 4;
  const said = groups.map(
    ({ title, bars }) =>
      `${title}: ${bars.map(({ short, speed }) => `${short} ${number(speed)}`).join(", ")}.`,
  );
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 760 ${height}" width="760" height="${height}" role="img" aria-labelledby="title">
  <title id="title">Saves per second with ${CALLERS} callers. ${said.join(" ")}</title>
  <style>${STYLE}</style>
  <rect class="card" x=".5" y=".5" width="759" height="${height - 1}" rx="10"/>
  <text class="small" x="24" y="28">Saves per second: ${PAYLOAD} bytes, ${CALLERS} callers, two cores, every save durable before it is acknowledged</text>
  ${lines.join("\n  ")}
</svg>
`;
}

function number(speed: number): string {
  return Math.round(speed).toLocaleString("en-US");
}
