/** How the person who started this program starts it again, e.g. `npx bellhop`. */
export function startCommand(program: string): string {
  // A clone of the repository: its script picks the right Node.
  if (program.endsWith(".ts")) return "npm run bellhop --";
  return program.split(/[\\/]/).includes("node_modules") ? "npx bellhop" : "bellhop";
}
