import type { JsonValue } from "../json.ts";
import type { ErrorSpec } from "./error-spec.ts";

/** A state in its stored form, as far as this folder knows it. */
export interface StoredStateText {
  readonly id: string;
  readonly type:
    | "SCHEDULED"
    | "PENDING"
    | "RUNNING"
    | "PAUSED"
    | "CANCELLING"
    | "CANCELLED"
    | "COMPLETED"
    | "FAILED"
    | "CRASHED";
  readonly name: string;
  readonly timestamp: string;
  readonly message: string | null;
  readonly state_details: object;
  readonly data: JsonValue;
}

/** The database, leases and deliveries in it. */
export const STORE_ERRORS = {
  store_busy: {
    name: "StoreBusyError",
    status: 503,
    message: (d: { path: string; waitedMs: number }) =>
      `The store ${d.path} was locked by another process for ${Math.round(d.waitedMs)} ms.`,
    hint: () =>
      `Try again. If it stays so, look for a process that holds the file: a backup, a database browser, a stopped program.`,
  },
  store_full: {
    name: "StoreFullError",
    status: 507,
    message: (d: { path: string }) => `The disk that holds the store ${d.path} is full.`,
    hint: () =>
      `Free some space, or set BELLHOP_HOME to a folder on another disk. What is queued is written as soon as there is space.`,
  },
  store_corrupt: {
    name: "StoreCorruptError",
    status: 500,
    message: (d: { path: string; reason: string }) => `The store ${d.path} is damaged: ${d.reason}.`,
    hint: (d: { path: string; reason: string }) =>
      `Put back a copy of it. To save what is readable: sqlite3 "${d.path}" .recover | sqlite3 recovered.db. To start anew, move the file away.`,
  },
  store_unavailable: {
    name: "StoreUnavailableError",
    status: 503,
    message: (d: { path: string; reason: string }) => `The store ${d.path} cannot be used: ${d.reason}.`,
    hint: () => `Check that BELLHOP_HOME names a folder on a local disk in which this user may create and write files.`,
  },
  store_newer: {
    name: "StoreNewerError",
    status: 503,
    message: (d: { path: string; found: number; known: number }) =>
      `The store ${d.path} has schema ${d.found}; this version of Bellhop knows schemas up to ${d.known}.`,
    hint: () =>
      `Update Bellhop here to the version that other programs on this store use, or give it its own BELLHOP_HOME.`,
  },
  store_conflict: {
    name: "StoreConflictError",
    status: 409,
    message: (d: { rule: string }) => `The store refused a row that breaks a rule between rows: ${d.rule}.`,
    hint: () => `Read the rows that it names again and repeat the change on what is there now.`,
  },
  store_value_invalid: {
    name: "StoreValueError",
    status: 500,
    message: (d: { type: string }) => `The store cannot hold ${d.type}.`,
    hint: () =>
      `Give text, a finite number, bytes or null; instants as integers, objects as JSON without cycles and big integers.`,
  },
  lease_lost: {
    name: "LeaseLostError",
    status: 409,
    message: (d: { leaseId: string }) =>
      `The lease ${d.leaseId} of this process is gone: another process took it for dead.`,
    hint: () =>
      `The process stood still for too long, for example while the machine slept. Start it again; its runs were ended as crashed.`,
  },
  run_superseded: {
    name: "RunSupersededError",
    status: 409,
    message: (d: { run: string; state: string }) =>
      `The run "${d.run}" was ended by another process, so it cannot become ${d.state}.`,
    hint: (d: { run: string; state: string }) =>
      `This process stood still and was taken for dead. "bellhop run inspect ${d.run}" shows who ended the run; start it again.`,
  },
  delivery_move_refused: {
    name: "DeliveryMoveError",
    status: 409,
    message: (d: { deliveryId: string; from: string; to: string }) =>
      `The delivery ${d.deliveryId} is ${d.from} and cannot become ${d.to}.`,
    hint: (d: { deliveryId: string; from: string; to: string }) =>
      `Something else ended it in the meantime; "bellhop delivery inspect ${d.deliveryId}" shows what.`,
  },
  run_moved: {
    name: "RunMovedError",
    status: 409,
    message: (d: { run: string; state: string; current: StoredStateText }) =>
      `The run "${d.run}" became ${d.current.name} in the meantime, so it cannot become ${d.state} from where it was.`,
    hint: (d: { run: string; state: string; current: StoredStateText }) =>
      `Decide again from its current state; "bellhop run inspect ${d.run}" shows it.`,
  },
  run_input_exists: {
    name: "RunInputExistsError",
    status: 409,
    message: (d: { run: string; key: string }) => `The run ${d.run} was given the input "${d.key}" already.`,
    hint: () => "An input is given once; use another key.",
  },
} as const satisfies Record<string, ErrorSpec>;
