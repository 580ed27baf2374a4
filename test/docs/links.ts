import { posix } from "node:path";
import type { Page } from "./pages.js";

/** A link of a page to another place of the repository. */
export interface Link {
  /** From the root of the repository, with slashes. */
  readonly target: string;
  /** What stands behind the `#`. */
  readonly anchor?: string;
}

/** The links of a page that do not leave the repository; images are among them. */
export function linksOf({ path, text }: Page): Link[] {
  const prose = withoutCode(text);
  const found = [
    ...prose.matchAll(/\]\(<?([^)\s>]+)>?(?:\s+"[^"]*")?\)/g),
    ...prose.matchAll(/\b(?:src|href|srcset)="([^"]+)"/g),
  ];
  return found
    .map(([, url = ""]) => url)
    .filter((url) => !/^[a-z]+:/.test(url))
    .map((url) => {
      const [file = "", anchor] = url.split("#");
      const target = file === "" ? path : posix.join(posix.dirname(path), file);
      return { target, ...(anchor !== undefined && { anchor }) };
    });
}

/** What the headings of a page can be reached by, as GitHub makes it. */
export function anchorsOf({ text }: Page): Set<string> {
  const anchors = new Set<string>();
  for (const [, heading = ""] of withoutCode(text, "keep inline").matchAll(/^#{1,6} +(.+?)\s*$/gm)) {
    const slug = heading
      .replace(/\[([^\]]*)\]\([^)]*\)/g, "$1")
      .toLowerCase()
      .replace(/[^\p{L}\p{N}\p{M}\s_-]/gu, "")
      .replace(/\s/g, "-");
    let anchor = slug;
    for (let time = 1; anchors.has(anchor); time++) anchor = `${slug}-${time}`;
    anchors.add(anchor);
  }
  for (const [, id = ""] of text.matchAll(/<a (?:id|name)="([^"]+)"/g)) anchors.add(id);
  return anchors;
}

function withoutCode(text: string, inline?: "keep inline"): string {
  const prose = text.replace(/^\s*(`{3,}).*\n[\s\S]*?^\s*\1\s*$/gm, "");
  return inline ? prose : prose.replace(/`[^`\n]+`/g, "");
}
