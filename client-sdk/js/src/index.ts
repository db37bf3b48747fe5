/**
 * Publish, subscribe, verify and open what a Sekisho node carries, in browsers and Node.js.
 *
 * @packageDocumentation
 */

export type { Administration } from './administration.js';
export type { Batch } from './batch.js';
export { fromHex, hex } from './bytes.js';
export { Client, type Welcomed } from './client.js';
export type { GapReasonName, RefusalCodeName } from './code.js';
export { DecodeError, ParseError } from './decode_error.js';
export type { Json } from './document.js';
export {
  beginSignIn,
  finishSignIn,
  type JoinOptions,
  type JoinStore,
  join,
  type SignInBy,
  spokenFingerprint,
  type Waiting,
} from './enrol.js';
export type { ErrandOptions } from './errand.js';
export type { Approval, Errands, Invitation, Invite, Invited } from './errands.js';
export {
  Closed,
  Disconnected,
  NodeNotProven,
  NotEnrolled,
  NotSignedIn,
  ProtocolViolation,
  TimedOut,
} from './failure.js';
export { filterContains, filterMatches, filtersOverlap, isTopic, parseFilter } from './filter.js';
export {
  fingerprint,
  generateWebKeys,
  type Identity,
  type IdentitySeeds,
  principalId,
  seedIdentity,
  type WebKeys,
  webIdentity,
} from './identity.js';
export type { AnswerBody, Question } from './link.js';
export {
  type AccessRecord,
  decodeAccessRecord,
  decodeLogEntry,
  encodeLogEntry,
  type LogEntry,
} from './log_entry.js';
export type { LogLine } from './log_follower.js';
export { type LogName, logName } from './log_name.js';
export type { CheckedLog, Included, Signer } from './log_view.js';
export {
  type Delivery,
  type Gap,
  type KeyGrantFacts,
  type Live,
  lateBy,
  type Message,
  type Rejected,
  type Sample,
  type Value,
} from './message.js';
export {
  type Grantee,
  type PrincipalName,
  parseCursor,
  parseGrantee,
  parseOrganisation,
  parsePrincipalName,
  parseRole,
  parseTransducer,
  parseUnit,
} from './name.js';
export type { ConnectOptions, KeyStore, Profile, TrustStore } from './options.js';
export type { Start } from './place.js';
export { Lost, Unencodable, Unprotected } from './publish_failure.js';
export type { Publisher, PublisherOptions, PublisherState, SampleInit, ValueInit } from './publisher.js';
export { Refusal } from './refusal.js';
export { SAMPLES_CONTENT_TYPE } from './sample.js';
export type { VerifyingKey } from './seal/signature.js';
export type { State } from './session.js';
export type { SignInBegun, SignInOffer } from './sign_in.js';
export { browserVia, type Opened, type Via, type WebSocketLike } from './socket.js';
export type { Scope } from './stamp.js';
export * from './statement.js';
export { BrowserKeyStore, StoreFailed } from './store/browser.js';
export { MemoryStore } from './store/memory.js';
export { STREAMS_MAX, type Stream, type Transducer as StreamTransducer } from './stream.js';
export { type SubscribeOptions, Subscription } from './subscription.js';
export type { SealingSuite, Suite } from './suite.js';
export { type Note, type NoteKey, parseNote, type SignatureLine, verifyNote } from './tlog/note.js';
export { Frontier, leafHash } from './tlog/tree.js';
export { formatJoinToken, type JoinToken, parseJoinToken } from './token.js';
export { parseTopic } from './topic.js';
export {
  Directory,
  type Disbelieved,
  type Publisher as TrustedPublisher,
  type TrustedKeyGrant,
} from './trust/directory.js';
export { TrustError, type TrustFault } from './trust/error.js';
export type { Notebook } from './trust/logs.js';
export { BodyError, type BodyFault, type RejectReason } from './trust/verifier.js';
