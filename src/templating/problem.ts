/** What is wrong with a template. */
export type ProblemCode =
  | "syntax"
  | "too_large"
  | "too_many_nodes"
  | "too_deep"
  | "not_allowed"
  | "unknown_helper"
  | "helper_arguments"
  | "unknown_path"
  | "unknown_partial"
  | "partial_cycle"
  | "unknown_variant"
  | "email_sections"
  | "raw_output"
  | "trial_render"
  | "unreadable";

/** One problem of one template, as data; `severity: "warning"` does not refuse the template. */
export interface TemplateProblem {
  readonly severity: "error" | "warning";
  readonly file: string;
  readonly variant: string;
  /** From 1. */
  readonly line: number;
  /** From 1. */
  readonly column: number;
  readonly code: ProblemCode;
  readonly message: string;
  /** e.g. `flow_run.name` where `flowRun.name` was written. */
  readonly suggestion?: string;
}
