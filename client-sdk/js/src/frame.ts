// Frames: what a session says, one message of a channel each (docs/protocol.md, section 9). The shapes are
// those of the schema; every field's range is checked as a node checks it.

import type { MessageInitShape } from '@bufbuild/protobuf';
import { fromUtf8, utf8 } from './bytes.js';
import { FrameChecks } from './frame/checks.js';
import { FRAME_BYTES_MAX, TEXT_BYTES_MAX } from './limits.js';
import { decodeCanonical, encode } from './wire/canonical.js';
import { Fields } from './wire/fields.js';
import type { Frame, FrameSchema } from './wire/sekisho_pb.js';

/** A frame that was received: `case` says which, `value` holds its fields; bytes share the frame's memory. */
export type FrameKind = Exclude<Frame['kind'], { case: undefined }>;

/** A frame to be sent; fields that are left out have their default. */
export type FrameInit = Exclude<
  NonNullable<MessageInitShape<typeof FrameSchema>['kind']>,
  { case?: undefined }
>;

/** One frame by its name. */
export type FrameOf<C extends FrameKind['case']> = Extract<FrameKind, { case: C }>['value'];

/** A frame's fields as they are sent, by its name. */
export type FrameInitOf<C extends FrameKind['case']> = Extract<FrameInit, { case: C }>['value'];

/** What a subscription begins with. */
export type SubscribeInit = FrameInitOf<'subscribe'>;

const FIELDS = new Fields('frame');

/** The bytes of a frame, without the length that precedes it on a stream. */
export function encodeFrame(kind: FrameInit): Uint8Array<ArrayBuffer> {
  return encode('Frame', { kind });
}

/**
 * Reads a frame.
 *
 * @param bytesMax - the most bytes that it may have: {@link FRAME_BYTES_MAX}, before the greeting less
 * @throws DecodeError where it is no frame, not in its one encoding, or a field is out of its range.
 */
export function decodeFrame(bytes: Uint8Array, bytesMax: number = FRAME_BYTES_MAX): FrameKind {
  const { kind } = decodeCanonical('Frame', FIELDS.message, Math.min(bytesMax, FRAME_BYTES_MAX), bytes);
  if (kind.case === undefined) {
    throw FIELDS.refusal('kind', 'one of the frames', 'none');
  }
  new FrameChecks(kind.case).check(kind);
  return kind;
}

/** Text for people as it is sent: cut where it would be refused as too long. */
export function fittingText(text: string): string {
  const bytes = utf8(text);
  let end = Math.min(bytes.length, TEXT_BYTES_MAX);
  while (end < bytes.length && ((bytes[end] ?? 0) & 0xc0) === 0x80) {
    end -= 1;
  }
  return fromUtf8(bytes.subarray(0, end));
}
