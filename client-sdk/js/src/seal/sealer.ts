// What a publisher does: seal a body so that only readers of the epoch open it, then sign the sealed envelope
// so that everybody, brokers included, can tell whose it is.

import type { Envelope, Header, Scope } from '../envelope.js';
import { assembleEnvelope, encodeHeader, envelopeSigningInput } from '../envelope.js';
import { filterMatches } from '../filter.js';
import type { Identity } from '../identity.js';
import type { KeyHeader } from '../key_header.js';
import { assembleKeyHeader, encodeKeyHeaderContent, keyHeaderSigningInput } from '../key_header.js';
import { ENVELOPES_PER_KEY_MAX } from '../limits.js';
import type { EpochAnnounce } from '../statement/body.js';
import { KemPublicKey, SealError } from './kem.js';
import { StreamKey } from './stream_key.js';

/** What a publisher says about one envelope. */
export interface HeaderDraft {
  readonly topic: string;
  readonly boot: string;
  readonly sequence: bigint;
  readonly timeUs: bigint;
  /** Hash of the envelope before it on the topic; undefined with the first. */
  readonly previous?: string | undefined;
  readonly contentType: string;
  readonly sampleCount: number;
  /** Default 0. */
  readonly flags?: number | undefined;
  /** Seconds; default 0, for ever. */
  readonly expiryS?: number | undefined;
  /** Default `organisation`. */
  readonly scope?: Scope | undefined;
}

/** What envelopes are sealed with: one run of a publisher on a topic, and the epoch. */
export interface SealerParts {
  readonly identity: Identity;
  readonly topic: string;
  /** 32 hexadecimal digits, drawn for this run. */
  readonly boot: string;
  readonly epoch: EpochAnnounce;
  /** The randomness of the encapsulation, for vectors alone. */
  readonly ekm?: Uint8Array | undefined;
}

type SealedBy = Pick<Header, 'suite' | 'epoch' | 'keyHeader'>;

/** See the file. */
export class Sealer {
  private last: bigint | undefined;
  private left = ENVELOPES_PER_KEY_MAX;

  private constructor(
    private readonly parts: SealerParts,
    /** Goes ahead of the envelopes. */
    readonly keyHeader: KeyHeader,
    private readonly key: StreamKey,
  ) {}

  /** @throws SealError where the topic is not of the epoch's tree, or its key is none. */
  static async create(parts: SealerParts): Promise<Sealer> {
    const { identity, topic, boot, epoch } = parts;
    if (!filterMatches(epoch.tree, topic)) {
      throw new SealError('stream', `a topic of the epoch's tree ${epoch.tree}`, topic);
    }
    const epochKey = await KemPublicKey.parse(epoch.suite, epoch.publicKey);
    const stream = { suite: epoch.suite, topic, epoch: epoch.epoch, publisher: identity.id, boot };
    const { key, encapsulation } = await StreamKey.make(stream, epochKey, parts.ekm);
    const content = encodeKeyHeaderContent({ ...stream, encapsulation, commitment: key.commitment });
    const signature = await identity.sign(keyHeaderSigningInput(content));
    return new Sealer(parts, assembleKeyHeader(content, signature), key);
  }

  /**
   * Seals and signs. Each sequence is above the one before, whether or not that was sealed in the end.
   *
   * @throws SealError where it is not, the draft is of another run or topic, or the key was used 2^32 times.
   */
  async seal(draft: HeaderDraft, content: Uint8Array): Promise<Envelope> {
    const { identity, epoch, topic, boot } = this.parts;
    if (draft.topic !== topic || draft.boot !== boot) {
      throw new SealError('stream', `boot ${boot} on ${topic}`, `boot ${draft.boot} on ${draft.topic}`);
    }
    this.reserve(draft.sequence);
    const sealedBy = { suite: epoch.suite, epoch: epoch.epoch, keyHeader: this.keyHeader.id };
    const header = encodeHeader(headerOf(draft, identity, sealedBy));
    const body = await this.key.seal(draft.sequence, header, content);
    return sign(identity, header, body);
  }

  private reserve(sequence: bigint): void {
    if (this.last !== undefined && sequence <= this.last) {
      throw new SealError('sequence', `more than ${this.last}`, `${sequence}`);
    }
    if (this.left === 0) {
      throw new SealError(
        'sequence',
        `at most ${ENVELOPES_PER_KEY_MAX} envelopes under a key header`,
        'one more',
      );
    }
    this.left -= 1;
    this.last = sequence;
  }
}

/** Signs an envelope whose body everybody may read. */
export async function sealOpen(
  identity: Identity,
  draft: HeaderDraft,
  content: Uint8Array,
): Promise<Envelope> {
  const header = encodeHeader(headerOf(draft, identity, { suite: 0, epoch: 0n }));
  return sign(identity, header, content);
}

function headerOf(draft: HeaderDraft, identity: Identity, sealedBy: SealedBy): Header {
  const { flags = 0, expiryS = 0, scope = 'organisation' } = draft;
  return { ...draft, ...sealedBy, publisher: identity.id, flags, expiryS, scope };
}

async function sign(identity: Identity, header: Uint8Array, body: Uint8Array): Promise<Envelope> {
  const signature = await identity.sign(envelopeSigningInput(header, body));
  return assembleEnvelope(header, body, signature);
}
