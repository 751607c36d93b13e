import { closeSync, openSync, readdirSync, readFileSync } from "node:fs";

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

/** The first fields of a process after its name. Source: proc_pid_stat(5). */
interface Stat {
  readonly state: string;
  readonly group: number;
  /** Foreground group of its terminal. */
  readonly foreground: number;
}

/** null where there is no /proc, or no such process. */
function readStat(pid: string): Stat | null {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
    // The name is in parentheses and may contain some itself.
    const [state = "", , group, , , foreground] = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
    return { state, group: Number(group), foreground: Number(foreground) };
  } catch {
    return null;
  }
}

/** Whether the terminal's keys go to this process and its children. True where that cannot be seen. */
export function isForeground(): boolean {
  const own = readStat("self");
  return own === null || own.group === own.foreground;
}

/** Whether anybody of the group still runs. What has ended and is not collected yet (a zombie) does not count. */
export function isGroupAlive(group: number): boolean {
  try {
    process.kill(-group, 0);
  } catch {
    return false; // ESRCH: all are gone.
  }
  if (readStat("self") === null) return true;
  return readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name))
    .some((pid) => {
      const stat = readStat(pid);
      return stat?.group === group && !/^[ZXx]$/.test(stat.state);
    });
}
