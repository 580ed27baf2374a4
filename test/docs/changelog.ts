const GROUPS = ["Added", "Changed", "Deprecated", "Removed", "Fixed", "Security"];
const VERSION = /^(\d+)\.(\d+)\.(\d+) - \d{4}-\d\d-\d\d$/;

/**
 * What is wrong with a changelog, by https://keepachangelog.com: changes gather under `## Unreleased` at the top, each
 * release has its version and date, newest first, and the version of the package is among them once one was released.
 */
export function changelogFaults(text: string, version: string): string[] {
  const [head = "", ...releases] = text.split(/^## /m);
  const names = releases.map((release) => release.split("\n")[0] as string);
  const versions = names.slice(1).map((name) => VERSION.exec(name));
  const numbers = versions.map((found) => found?.slice(1).map(Number) ?? []);
  const released = names.slice(1).map((name) => name.split(" ")[0]);
  return [
    ...(head.startsWith("# Changelog\n") ? [] : ["it begins with # Changelog"]),
    ...(names[0] === "Unreleased" ? [] : ["## Unreleased comes first"]),
    ...names.slice(1).flatMap((name, at) => (versions[at] ? [] : [`## ${name} is no <version> - <date>`])),
    ...numbers.flatMap((each, at) =>
      at > 0 && compare(each, numbers[at - 1] as number[]) >= 0 ? [`${released[at]} is out of order`] : [],
    ),
    ...(released.length === 0 || released.includes(version) ? [] : [`there is no ${version}`]),
    ...releases.flatMap((release) => groupFaults(release)),
  ];
}

function groupFaults(release: string): string[] {
  const [heading = "", ...groups] = release.split(/^### /m);
  const name = heading.split("\n")[0] as string;
  const titles = groups.map((group) => group.split("\n")[0] as string);
  return [
    ...titles.filter((title) => !GROUPS.includes(title)).map((title) => `${name}: nobody knows ### ${title}`),
    ...titles
      .filter((title, at) => titles.indexOf(title) !== at)
      .map((title) => `${name}: ### ${title} twice`),
    ...groups.flatMap((group, at) =>
      group
        .split("\n")
        .slice(1)
        .some((line) => line !== "" && !/^(- | {2,}\S)/.test(line))
        ? [`${name}: text under ### ${titles[at]} that is no list`]
        : [],
    ),
  ];
}

function compare(a: readonly number[], b: readonly number[]): number {
  const at = a.findIndex((number, index) => number !== b[index]);
  return at < 0 ? 0 : (a[at] ?? 0) - (b[at] ?? 0);
}
