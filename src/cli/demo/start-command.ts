import { relative, sep } from "node:path";

/** How the person who started this program starts it again, e.g. `npx bellhop`. */
export function startCommand(program: string, directory: string): string {
  const parts = program.split(sep);
  if (program.endsWith(".ts")) return `npx node ${relative(directory, program).split(sep).join("/")}`;
  return parts.includes("node_modules") ? "npx bellhop" : "bellhop";
}
