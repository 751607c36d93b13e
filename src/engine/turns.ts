/** How many values a body may yield before others get their turn. */
export const YIELD_EVERY = 1_000;

/** Lets timers, signals and other runs have their turn: promises alone never do. */
export const othersTurn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));
