import { closeSync, openSync, readFileSync } from "node:fs";

/** Whether a terminal controls this process: it sends Ctrl-C to the process itself, and gives its input to one group. */
export function hasTerminal(): boolean {
  if (process.platform === "win32") return true;
  try {
    closeSync(openSync("/dev/tty", "r"));
    return true;
  } catch {
    // ENXIO: there is none, as under cron.
    return false;
  }
}

/** Whether the terminal's keys go to this process and its children. True where that cannot be seen (no /proc). */
export function isForeground(): boolean {
  try {
    const stat = readFileSync("/proc/self/stat", "utf8");
    // After the name in parentheses: state, parent, group (5), session, terminal, its foreground group (8). Source: proc_pid_stat(5).
    const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
    return fields[2] === fields[5];
  } catch {
    return true;
  }
}
