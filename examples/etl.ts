// Tables read side by side, two at a time. One that cannot be read is tried again, later and later; one that was read
// today is not read again: run it twice, and the second time says so.
//
//   npx node -C bellhop-source examples/etl.ts 2026-03-01
import { INPUTS, TASK_SOURCE, exponentialBackoff, flow, task } from "bellhop";
import { z } from "zod";

const [day = "2026-03-01"] = process.argv.slice(2);

interface Table {
  readonly table: string;
  readonly day: string;
}

let isSupplierDown = true;

const read = task(
  {
    name: "read",
    taskRunName: "read-{table}",
    retries: 3,
    retryDelaySeconds: exponentialBackoff(0.2), // 0.2, 0.4, 0.8
    retryJitterFactor: 0.5,
    cachePolicy: INPUTS.plus(TASK_SOURCE), // same table, same day, same code: the same work, in every flow run
    cacheExpiration: 24 * 60 * 60,
    onCompletion: [(_task, taskRun, state) => console.log(`${taskRun.name}: ${state.name}`)],
  },
  async ({ table }: Table): Promise<number[]> => {
    if (table === "orders" && isSupplierDown) {
      isSupplierDown = false;
      throw new Error("the supplier's server answered 503");
    }
    return Array.from(table, (letter) => letter.charCodeAt(0));
  },
);

const total = task({ name: "total" }, async (tables: readonly (readonly number[])[]) =>
  tables.flat().reduce((sum, value) => sum + value, 0),
);

const etl = flow(
  { name: "etl", flowRunName: "etl-{day}", parameters: z.object({ day: z.iso.date() }), maxConcurrentTasks: 2 },
  async (parameters) => {
    const tables = read.map(["orders", "stock", "users"].map((table) => ({ table, day: parameters.day })));
    // Starts when all tables are there. If one of them fails for good, it does not start.
    return total.submit(tables).result();
  },
);

console.log(`total: ${await etl({ day })}`);
