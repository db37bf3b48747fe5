// What a reader does: open bodies that were sealed under one key header. Whether header and envelopes are
// their publisher's is checked before by whoever asks for it.

import type { Envelope, Header } from '../envelope.js';
import type { KeyHeader } from '../key_header.js';
import { suiteName } from '../suite.js';
import type { KemKeys } from './kem.js';
import { SealError } from './kem.js';
import { StreamKey } from './stream_key.js';

/** See the file. */
export class Opener {
  private constructor(
    private readonly keyHeader: KeyHeader,
    private readonly key: StreamKey,
  ) {}

  /**
   * Gets ready to open what was sealed under a key header whose signature was verified.
   *
   * @throws SealError where the epoch's key is of another suite, or is not the one that was committed to.
   */
  static async create(keyHeader: KeyHeader, epochKeys: KemKeys): Promise<Opener> {
    const { content } = keyHeader;
    if (content.suite !== epochKeys.suite) {
      throw new SealError('suite', suiteName(epochKeys.suite), suiteName(content.suite));
    }
    const key = await StreamKey.recover(content, epochKeys, content.encapsulation);
    if (!key.isCommitted(content.commitment)) {
      throw new SealError('commitment', `the key that key header ${keyHeader.id} commits to`, 'another');
    }
    return new Opener(keyHeader, key);
  }

  /**
   * The content of an envelope whose signature was verified.
   *
   * @throws SealError where it is of another stream, or was not sealed under this key header.
   */
  async open(envelope: Envelope): Promise<Uint8Array> {
    const { header, headerBytes, body } = envelope;
    this.check(header);
    try {
      return await this.key.open(header.sequence, headerBytes, body);
    } catch {
      throw new SealError(
        'body',
        `one sealed under key header ${this.keyHeader.id}`,
        `${body.length} other bytes`,
      );
    }
  }

  private check(header: Header): void {
    const { content, id } = this.keyHeader;
    same('key header', id, header.keyHeader);
    same('suite', content.suite, header.suite);
    same('topic', content.topic, header.topic);
    same('epoch', content.epoch, header.epoch);
    same('publisher', content.publisher, header.publisher);
    same('boot', content.boot, header.boot);
  }
}

function same<T>(field: string, wanted: T, found: T | undefined): void {
  if (wanted !== found) {
    throw new SealError('stream', `${field} ${wanted} as in its key header`, `${found}`);
  }
}
