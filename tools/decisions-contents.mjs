/**
 * The table of contents of DECISIONS.md as it has to be, between its marks, and what is wrong with the one that is
 * there: entries that stand under no subject, or under two, and numbers that no entry has.
 *
 * @param {string} text of DECISIONS.md
 * @returns {{ contents: string, faults: string[] }}
 */
export function contentsOf(text) {
  const old = /<!-- contents -->([\s\S]*?)<!-- \/contents -->/.exec(text)?.[1] ?? "";
  /** @type {Map<number, string>} */
  const titles = new Map();
  for (const [, heading = ""] of text.matchAll(/^## (.+)$/gm)) {
    const number = Number.parseInt(heading, 10);
    if (number > 0) titles.set(number, heading);
  }
  /** @type {number[]} */
  const listed = [];
  const lines = old.split("\n").flatMap((line) => {
    const number = Number(/^- \[(\d+)/.exec(line)?.[1]);
    if (!number) return [line];
    listed.push(number);
    const heading = titles.get(number) ?? "";
    return [`- [${heading.replace(/ \(\d{4}-\d\d-\d\d\)$/, "")}](#${anchorOf(heading)})`];
  });
  const faults = [
    ...[...titles.keys()].filter((number) => !listed.includes(number)).map((n) => `${n} is under no subject`),
    ...listed.filter((number) => !titles.has(number)).map((n) => `there is no entry ${n}`),
    ...listed.filter((number, at) => listed.indexOf(number) !== at).map((n) => `${n} is listed twice`),
  ];
  return { contents: `<!-- contents -->${lines.join("\n")}<!-- /contents -->`, faults };
}

/**
 * As GitHub makes it of a heading.
 *
 * @param {string} heading
 */
function anchorOf(heading) {
  return heading
    .toLowerCase()
    .replace(/[^\p{L}\p{N}\p{M}\s_-]/gu, "")
    .replace(/\s/g, "-");
}
