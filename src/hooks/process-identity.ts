import { readFileSync, readlinkSync } from "node:fs";
import { hostname, uptime } from "node:os";
import type { Clock } from "../base/clock.ts";
import type { Lease } from "../runs/lease-store.ts";

/** Boot times computed from the uptime differ by the rounding of both values; boots are further apart than this. */
const BOOT_STEP_MS = 60_000;

/** Ticks per second of process times in /proc. Source: proc(5), "sysconf(_SC_CLK_TCK)"; 100 on every Linux that Node runs on. */
const TICKS_PER_SECOND = 100;

/** Rounding of both sides when a start time is compared with a heartbeat. */
const START_SLACK_MS = 1_000;

function readText(path: string): string | null {
  try {
    return readFileSync(path, "utf8").trim();
  } catch {
    // Not Linux, or the process is gone.
    return null;
  }
}

/** Containers on one machine share the boot id but count processes separately. */
function processNamespace(): string {
  try {
    return readlinkSync("/proc/self/ns/pid");
  } catch {
    // Not Linux: there is one table of processes.
    return "";
  }
}

/** Where process numbers mean the same: one boot of one machine (on Linux, one process namespace of it). */
export function bootId(clock: Clock): string {
  const boot = readText("/proc/sys/kernel/random/boot_id") ?? `since ${Math.round((clock.now() - uptime() * 1_000) / BOOT_STEP_MS)}`;
  return `${boot} ${processNamespace()}`.trimEnd();
}

export const hostName = (): string => hostname();

/**
 * Whether the process of a lease still lives: true or false where that can be known for sure, undefined where only its
 * heartbeat can tell.
 */
export function isProcessAlive(lease: Lease, clock: Clock): boolean | undefined {
  if (lease.host !== hostName() || lease.bootId !== bootId(clock)) return undefined;
  if (!exists(lease.pid)) return false;
  const startedAtMs = processStartMs(lease.pid);
  if (startedAtMs === "zombie") return false;
  if (startedAtMs === null) return undefined;
  // The number was given to a new process if that one began after the last sign of life.
  return startedAtMs <= lease.heartbeatAtMs + START_SLACK_MS;
}

function exists(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    // EPERM: it exists and belongs to someone else.
    return error instanceof Error && "code" in error && error.code === "EPERM";
  }
}

/** Start of a process, epoch milliseconds; `zombie` when it has ended and only waits to be collected; null if unknown. */
function processStartMs(pid: number): number | "zombie" | null {
  const stat = readText(`/proc/${pid}/stat`);
  const bootSeconds = /^btime (\d+)$/m.exec(readText("/proc/stat") ?? "")?.[1];
  if (stat === null || bootSeconds === undefined) return null;
  // The second field is the name in parentheses, which may itself contain blanks and parentheses.
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  if (fields[0] === "Z" || fields[0] === "X") return "zombie";
  // Field 22 of proc_pid_stat(5), counted from the name: ticks after boot.
  const ticks = Number(fields[19]);
  return Number.isFinite(ticks) ? Number(bootSeconds) * 1_000 + (ticks * 1_000) / TICKS_PER_SECOND : null;
}
