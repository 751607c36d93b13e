/** What one process of the proof is to do. It goes to it as JSON in its environment. */
export interface WorkerPlan {
  /**
   * - `open`: opens the store and closes it.
   * - `save`: saves the blocks.
   * - `work`: runs flows, sends, and ends.
   * - `drain`: finishes what others left, and sends all of it.
   */
  readonly mode: "open" | "save" | "work" | "drain";
  readonly home: string;
  readonly sinkUrl: string;
  /** The process appends what it was told is stored; one JSON object a line. */
  readonly notesPath: string;
  readonly seed: number;
  /** See {@link ClockShift}. */
  readonly clockOffsetMs: number;
  readonly clockRate: number;
  /** The clock is set once, by so much, after so long. */
  readonly jump: { readonly byMs: number; readonly afterMs: number } | null;
  /** Most pages of the store's file; null: as the disk allows. */
  readonly storePages: number | null;
  readonly flows: number;
  readonly drainMs: number;
}
