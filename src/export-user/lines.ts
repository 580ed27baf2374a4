/** An item of an export: the name of its sort, and its value as JSON. */
export interface Item {
  readonly of: string;
  readonly json: string;
}

/** The line of an item. A value with a line break would be two lines: a `TypeError` of the sort that gave it. */
export function itemLine({ of, json }: Item, session: string | undefined): string {
  if (/[\n\r]/.test(json)) throw new TypeError(`exportOf of ${of} gave JSON with a line break`);
  const place = session === undefined ? "" : `,"session":${JSON.stringify(session)}`;
  return `{"item":{"of":${JSON.stringify(of)}${place},"value":${json}}}`;
}
