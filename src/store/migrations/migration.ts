/** One step of the schema. Once released it is never edited; what is wrong in it is put right by a later one. */
export interface Migration {
  /** 1 for the first, without gaps. */
  readonly version: number;
  readonly sqlite: string;
}
