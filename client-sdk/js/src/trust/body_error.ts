// Why a message's body cannot be had, though the message is its publisher's.

/** What stands between a reader and a body. */
export type BodyFault =
  /** Nobody gave this subscriber the key. */
  | 'no-key'
  /** A key was granted and is of no use. */
  | 'grant'
  /** A key was granted and that is not in the log, so that it counts for nothing. */
  | 'not-logged'
  /** The key header that says how to derive the key cannot be had. */
  | 'no-key-header'
  /** What came as key header is none. */
  | 'key-header'
  /** The key header is not its publisher's. */
  | 'key-header-signature'
  /** The key does not open it. */
  | 'open'
  /** It holds something other than samples. */
  | 'not-samples'
  /** It says that it holds samples, and does not. */
  | 'samples';

/** See the file. */
export class BodyError extends Error {
  override readonly name = 'BodyError';

  constructor(
    readonly fault: BodyFault,
    message: string,
    options?: ErrorOptions,
  ) {
    super(message, options);
  }
}
