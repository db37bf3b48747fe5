// Turns bodies into sealed and signed envelopes, each chained to the one before it. Holds the publisher's
// place: which boot, which sequence, which hash comes next.

import { hex } from './bytes.js';
import { type Envelope, envelopeHash } from './envelope.js';
import type { Identity } from './identity.js';
import type { KeyHeader } from './key_header.js';
import { HEADER_BYTES_MAX } from './limits.js';
import { Sealer, sealOpen } from './seal/sealer.js';
import type { EpochAnnounce } from './statement.js';

/** Room that an envelope needs beside its header and body, bytes: signature, tag and lengths, rounded up. */
const ENVELOPE_OVERHEAD_BYTES = 128;
const BOOT_BYTES = 16;

/** How a topic's envelopes are protected: signed only, or sealed to the readers of an epoch. */
export type Protection =
  | { readonly kind: 'open' }
  | { readonly kind: 'sealed'; readonly epoch: EpochAnnounce };

/** How far envelopes may travel. */
export type Scope = 'organisation' | 'federation';

/** An envelope ready to be sent. */
export interface Stamped {
  readonly boot: string;
  readonly sequence: bigint;
  readonly envelope: Uint8Array;
  readonly keyHeader?: KeyHeader;
}

/** Whether both protect alike. */
export function isSameProtection(one: Protection, other: Protection): boolean {
  if (one.kind === 'open' || other.kind === 'open') {
    return one.kind === other.kind;
  }
  const [left, right] = [one.epoch, other.epoch];
  const isSameEpoch = left.tree === right.tree && left.epoch === right.epoch && left.suite === right.suite;
  return isSameEpoch && hex(left.publicKey) === hex(right.publicKey);
}

/** The longest body that fits into an envelope of so many bytes. */
export function bodyBytesMax(envelopeBytesMax: number): number {
  return Math.max(0, envelopeBytesMax - HEADER_BYTES_MAX - ENVELOPE_OVERHEAD_BYTES);
}

/** Sixteen random bytes, hexadecimal. */
export function drawBoot(): string {
  return hex(crypto.getRandomValues(new Uint8Array(BOOT_BYTES)));
}

/** One boot of a publisher on a topic, under one protection at a time. */
export class Stamp {
  #boot = drawBoot();
  #next = 0n;
  #previous: string | undefined;
  #sealer: Sealer | undefined;

  constructor(
    private readonly identity: Identity,
    private readonly topic: string,
    private readonly scope: Scope,
    private current: Protection,
  ) {}

  get boot(): string {
    return this.#boot;
  }

  get protection(): Protection {
    return this.current;
  }

  /** Goes on in another boot, from sequence 0. */
  reboot(): void {
    this.#boot = drawBoot();
    this.#next = 0n;
    this.#previous = undefined;
    this.#sealer = undefined;
  }

  /** Goes on in the same boot under another protection. */
  protect(protection: Protection): void {
    this.current = protection;
    this.#sealer = undefined;
  }

  /** Seals and signs the next envelope. After an error the boot is of no more use. */
  async seal(body: Uint8Array, contentType: string, sampleCount: number, timeUs: bigint): Promise<Stamped> {
    const { identity, topic, scope, current } = this;
    const boot = this.#boot;
    const sequence = this.#next;
    const previous = this.#previous;
    const draft = {
      topic,
      boot,
      sequence,
      timeUs,
      contentType,
      sampleCount,
      scope,
      ...(previous === undefined ? {} : { previous }),
    };
    let envelope: Envelope;
    if (current.kind === 'open') {
      envelope = await sealOpen(identity, draft, body);
    } else {
      this.#sealer ??= await Sealer.create({ identity, topic, boot, epoch: current.epoch });
      envelope = await this.#sealer.seal(draft, body);
    }
    this.#previous = envelopeHash(envelope.headerBytes, envelope.body);
    this.#next = sequence + 1n;
    const stamped = { boot, sequence, envelope: envelope.encoded };
    return this.#sealer === undefined ? stamped : { ...stamped, keyHeader: this.#sealer.keyHeader };
  }
}
