/** How long a case may take on a machine that others use, too: longer than by default. */
export const CASE_MS = 180_000;
