/**
 * Where `bellhop prove` may end a process: the instants between two steps of which the second must not be lost with it.
 * `inside` is within the transaction, before its commit.
 */
export const KILL_POINTS = [
  "open:before",
  "open:after",
  "migrate:before",
  "migrate:inside",
  "migrate:after",
  "lease-acquire:before",
  "lease-acquire:after",
  "lease-beat:before",
  "lease-beat:after",
  "lease-remove:before",
  "lease-remove:after",
  "payload-key:before",
  "payload-key:after",
  "state:before",
  "state:after",
  "enqueue:inside",
  "enqueue:after",
  "commit:before",
  "commit:inside",
  "commit:after",
  "claim:before",
  "claim:inside",
  "claim:after",
  "attempt:before",
  "begin:before",
  "begin:after",
  "load:before",
  "load:after",
  "render:before",
  "render:after",
  "connect:before",
  "write:before",
  "write:after",
  "response:before",
  "response:after",
  "attempt:after",
  "pause:before",
  "pause:after",
  "settle:before",
  "settle:inside",
  "settle:after",
  "health:inside",
  "release:before",
  "release:inside",
  "sweep:before",
  "sweep-crash:before",
  "sweep-crash:after",
  "recover:inside",
  "recover:after",
  "sweep:after",
  "rescan:before",
  "drain:before",
  "drain:after",
  "close:before",
  "close:after",
] as const;
export type KillPoint = (typeof KILL_POINTS)[number];

export const isKillPoint = (text: string): text is KillPoint => KILL_POINTS.some((point) => point === text);

let reached: ((point: KillPoint) => void) | undefined;

/** Marks an instant. Costs one comparison in a process that is not being proven. */
export function killPoint(point: KillPoint): void {
  if (reached !== undefined) reached(point);
}

export interface Armed {
  readonly point: KillPoint;
  /** 1 for the first time that it is reached. */
  readonly hit: number;
  /** Called right before the end. */
  readonly onEnd: () => void;
}

/** This process ends by SIGKILL where it reaches the point for the given time: nothing of it runs any more. */
export function armKillPoint({ point, hit, onEnd }: Armed): void {
  let left = hit;
  reached = (at) => {
    if (at !== point) return;
    left -= 1;
    if (left > 0) return;
    onEnd();
    process.kill(process.pid, "SIGKILL");
  };
}
