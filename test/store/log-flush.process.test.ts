import { execFileSync } from "node:child_process";
import { closeSync, openSync } from "node:fs";
import { type FileHandle, open } from "node:fs/promises";
import { join } from "node:path";
import { expect, it } from "vitest";
import { systemClock } from "../../src/base/clock.ts";
import { sqliteFixture, tempFolder } from "../support/store-fixture.ts";
import { aChange, aFlowRun } from "../support/store-records.ts";

/** Node's own number of threads for files, names and ciphers, unless `UV_THREADPOOL_SIZE` says otherwise. */
const THREADS = Number(process.env["UV_THREADPOOL_SIZE"] ?? 4);

it.skipIf(process.platform === "win32")(
  "a commit is acknowledged also while the program keeps all threads of the pool busy",
  async () => {
    using folder = tempFolder();
    await using fixture = await sqliteFixture({ clock: systemClock });
    const pipe = join(folder.path, "pipe");
    execFileSync("mkfifo", [pipe]);
    const opened: FileHandle[] = [];
    // Opening a pipe for reading takes a thread until somebody opens it for writing.
    const busy = Array.from({ length: THREADS }, async () => void opened.push(await open(pipe, "r")));

    const run = aFlowRun();
    await fixture.store.runs.commit(aChange(run, run.state));
    expect(opened).toHaveLength(0);

    const writer = openSync(pipe, "w");
    await Promise.all(busy);
    closeSync(writer);
    await Promise.all(opened.map((handle) => handle.close()));
    expect((await fixture.store.runs.readFlowRun(run.id))?.id).toBe(run.id);
  },
);
