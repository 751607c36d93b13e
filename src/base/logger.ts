/** Values beside a log message; names are the schema's names. Texts in them must have passed the redactor. */
export type LogFields = Readonly<Record<string, unknown>>;

/**
 * `error`: a person must act. `warn`: Bellhop retries or degrades. `info`: life cycle. `debug`: the rest.
 * The message is constant; what varies goes into the fields.
 */
export interface Logger {
  debug(message: string, fields?: LogFields): void;
  info(message: string, fields?: LogFields): void;
  warn(message: string, fields?: LogFields): void;
  error(message: string, fields?: LogFields): void;
}

const nothing = (): void => undefined;

/** Logs nothing; what a library call uses unless a level is configured. */
export const silentLogger: Logger = { debug: nothing, info: nothing, warn: nothing, error: nothing };
