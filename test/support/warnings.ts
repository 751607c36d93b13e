/** Process warnings raised while `fn` runs, kept from the console. */
export async function warningsOf(fn: () => unknown): Promise<string[]> {
  const others = process.listeners("warning");
  const seen: string[] = [];
  const listener = (warning: Error): void => void seen.push(warning.message);
  process.removeAllListeners("warning");
  process.on("warning", listener);
  try {
    await fn();
    // Warnings are raised on the next tick.
    await new Promise((resolve) => setImmediate(resolve));
  } finally {
    process.off("warning", listener);
    for (const other of others) process.on("warning", other);
  }
  return seen;
}
