/** Where a secret is in a text. */
export interface Found {
  /** Its first UTF-16 unit. */
  readonly start: number;
  /** The unit behind its last one. */
  readonly end: number;
}

/** Finds the secrets of one kind. */
export interface Rule {
  readonly kind: string;
  /** A text that has none of these has no such secret. Absent: every text may have one. */
  readonly hints?: readonly string[];
  /** It also knows a secret by the name of its property: the text that it searches then begins with `name=`. */
  readonly readsNames?: true;
  find(text: string): Iterable<Found>;
}

/** How a shipped pattern finds a secret. */
interface Shape {
  /** A text that has none of these has no such secret. Left out where the pattern is quick itself. */
  readonly hints?: readonly string[];
  /** With the flag g. If it has a group `secret`, that is the secret, and the match ends with it. */
  readonly pattern: RegExp;
  /** Whether what matched is a secret. Default: if it looks as though it was drawn at random. */
  readonly isSecret?: (secret: string) => boolean;
}

/** A rule of one or several shapes. */
export function rule(kind: string, ...shapes: readonly Shape[]): Rule {
  const hints = shapes.every((shape) => shape.hints !== undefined)
    ? shapes.flatMap((shape) => shape.hints ?? [])
    : undefined;
  return {
    kind,
    ...(hints && { hints }),
    *find(text) {
      for (const shape of shapes) yield* matchesOf(text, shape);
    },
  };
}

function* matchesOf(text: string, { pattern, isSecret = isRandom }: Shape): Generator<Found> {
  for (const match of text.matchAll(pattern)) {
    const secret = match.groups?.secret ?? match[0];
    const end = match.index + match[0].length;
    if (isSecret(secret)) yield { start: end - secret.length, end };
  }
}

/** The same for secrets that are known by what stands before them, be it the name of the property that they are. */
export function namedRule(kind: string, ...shapes: readonly Shape[]): Rule {
  return { ...rule(kind, ...shapes), readsNames: true };
}

/**
 * Before a secret: no letter and no digit, unless they belong to an escape. JSON within a string has `\n` and the like before
 * it, a URL `%3D`.
 */
export const ESCAPE = String.raw`(?<=\\[nrtbfv]|\\u00[0-9A-Fa-f]{2}|%[0-9A-Fa-f]{2})`;
const BOUNDARY = `(?:(?<![A-Za-z0-9])|${ESCAPE})`;
/** The same for secrets with - and _ in them: a run of these characters is looked at once, from its beginning. */
const DASHED_BOUNDARY = `(?:(?<![A-Za-z0-9_-])|${ESCAPE})`;

/** A token of letters and digits behind a prefix. */
export function token(source: string): RegExp {
  return new RegExp(BOUNDARY + source, "g");
}

/** A token that may have - and _ too. */
export function dashedToken(source: string): RegExp {
  return new RegExp(DASHED_BOUNDARY + source, "g");
}

/** Of a long secret, so many characters are judged. */
const JUDGED = 256;
const FEWEST_CHARACTERS = 8;
/** What is drawn at random has no character as often as this. */
const MOST_OF_ONE = 0.4;
const PLACEHOLDER = /(?:^|[-_])(?:your|my|insert|replace|example|placeholder|dummy|redacted)[-_]/i;

/** `xxxx...` and `your-api-key-here` are not: examples in documents. */
export function isRandom(secret: string): boolean {
  const judged = secret.slice(0, JUDGED);
  const classes = [/[a-z]/, /[A-Z]/, /[0-9]/].filter((characters) => characters.test(judged));
  return classes.length >= 2 && isMixed(judged) && !PLACEHOLDER.test(judged);
}

/** The same for tokens that have letters of one case only. */
export function isMixed(secret: string): boolean {
  const judged = secret.slice(0, JUDGED);
  const counts = new Map<string, number>();
  for (const character of judged) counts.set(character, (counts.get(character) ?? 0) + 1);
  return counts.size >= FEWEST_CHARACTERS && Math.max(...counts.values()) < MOST_OF_ONE * judged.length;
}
