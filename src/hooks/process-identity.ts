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

/** How long a process that exists is believed to be the one of the lease without a sign of life. */
const UNVERIFIED_MS = 600_000;

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
  const boot =
    readText("/proc/sys/kernel/random/boot_id") ??
    `since ${Math.round((clock.now() - uptime() * 1_000) / BOOT_STEP_MS)}`;
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
  const other = readProcess(lease.pid);
  const self = readProcess(process.pid);
  // A process of this number exists, and whether it is the same one cannot be seen (macOS, Windows). A computation that
  // blocks the event loop keeps heartbeats from being stored, so it gets more time than one that cannot be looked at.
  if (other === null || self === null) return clock.now() - lease.heartbeatAtMs < UNVERIFIED_MS;
  if (other.hasEnded) return false;
  // No clock has a say in this: one that is set forward, or a machine that was asleep, must not end what lives.
  if (lease.startTicks !== undefined) return other.startTicks === lease.startTicks;
  // The number was given to a new process if that one began after the last sign of life. Both start times are counted
  // from the same boot, so that neither a clock that was set nor a container's view of the uptime matters.
  const startedAtMs =
    clock.now() - process.uptime() * 1_000 + ((other.startTicks - self.startTicks) * 1_000) / TICKS_PER_SECOND;
  return startedAtMs <= lease.heartbeatAtMs + START_SLACK_MS;
}

/** For the lease of this process; nothing where there is no /proc. */
export function ownStartTicks(): { readonly startTicks?: number } {
  const self = readProcess(process.pid);
  return self === null ? {} : { startTicks: self.startTicks };
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

/** null where there is no /proc, or no such process. */
function readProcess(pid: number): { readonly hasEnded: boolean; readonly startTicks: number } | null {
  const stat = readText(`/proc/${pid}/stat`);
  if (stat === null) return null;
  // The second field is the name in parentheses, which may itself contain blanks and parentheses. After it come the
  // state (field 3) and, as field 22, the start in ticks after boot. Source: proc_pid_stat(5).
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  const startTicks = Number(fields[19]);
  // Z, X: it has ended, and its parent has not collected it yet.
  return Number.isFinite(startTicks) ? { hasEnded: /^[ZXx]$/.test(fields[0] ?? ""), startTicks } : null;
}
