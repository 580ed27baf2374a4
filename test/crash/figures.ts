/** What a run came to, for those who let it run longer; `npm test` says nothing of it. */
export function report(what: string, figures: Readonly<Record<string, unknown>>): void {
  if (process.env.GROUNDSTATE_SOAK) console.log(`${what}: ${JSON.stringify(figures)}`);
}
