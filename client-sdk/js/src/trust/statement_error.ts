// Why a statement is not applied. Nothing was changed.

/** See the file. */
export class StatementError extends Error {
  override readonly name = 'StatementError';

  constructor(thing: string, wanted: string, found: string) {
    super(`${thing}: wanted ${wanted}, found ${found}`);
  }
}

/** Why somebody may not do something: no more than that is said. */
export class Missing extends Error {
  override readonly name = 'Missing';
}
