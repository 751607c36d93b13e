// npm run bench -- <name> [--json]
import { globSync } from "node:fs";
import { loadavg, cpus } from "node:os";
import { basename, join } from "node:path";
import { parseArgs } from "node:util";
import { describeFigure, type Figure } from "./support/figures.ts";

interface Bench {
  readonly run: (report: (figure: Figure) => void) => Promise<void>;
}

const names = globSync("*.ts", { cwd: import.meta.dirname })
  .map((file) => basename(file, ".ts"))
  .filter((name) => name !== "run")
  .toSorted();

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { json: { type: "boolean", default: false } },
});
const [name] = positionals;

if (name === undefined || !names.includes(name)) {
  process.stderr.write(`usage: npm run bench -- <name> [--json]\nbenchmarks: ${names.join(", ")}\n`);
  process.exitCode = 2;
} else {
  const load = loadavg()[0] ?? 0;
  if (load > cpus().length / 2)
    process.stderr.write(`note: the machine is busy (load ${load.toFixed(2)}); figures will be worse\n`);
  // The module is one of the files listed above, and each of them exports `run`.
  const bench = (await import(join(import.meta.dirname, `${name}.ts`))) as Bench;
  await bench.run((figure) =>
    process.stdout.write(`${values.json ? JSON.stringify(figure) : describeFigure(figure)}\n`),
  );
}
