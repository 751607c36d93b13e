import { z } from "zod";

/** The nine state types. Source: Prefect 3, StateType. */
export const StateType = z.enum([
  "SCHEDULED",
  "PENDING",
  "RUNNING",
  "PAUSED",
  "CANCELLING",
  "CANCELLED",
  "COMPLETED",
  "FAILED",
  "CRASHED",
]);
export type StateType = z.infer<typeof StateType>;
