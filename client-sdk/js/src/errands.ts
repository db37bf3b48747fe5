// What an administrator has a steward do: invite, approve, withdraw, and sign what it takes an issuer for.

import { fromHex, hex, randomBytes } from './bytes.js';
import type { ErrandOptions, ErrandOutcome, ErrandTask } from './errand.js';
import { ProtocolViolation } from './failure.js';
import { parsePrincipalName } from './name.js';
import type { Session } from './session.js';
import {
  decodeStatement,
  encodeStatement,
  PRINCIPAL_KINDS,
  type PrincipalKind,
  type Statement,
} from './statement.js';
import { formatJoinToken } from './token.js';
import type { Invitation as InvitationMessage } from './wire/sekisho_pb.js';

const TOKEN_ID_BYTES = 16;
const SECRET_BYTES = 32;
const MINUTES_DEFAULT = 60;
const INVITATIONS_MAX = 100;

/** Who says yes to a newcomer: a person, nobody (whoever brings the token), or a fingerprint told before. */
export type Approval = 'by-hand' | 'token' | { readonly fingerprint: string };

/** Whom to invite, and what they may do. */
export interface Invite {
  /** The name, `name@organisation` of the own organisation. */
  readonly principal: string;
  readonly kind: Exclude<PrincipalKind, 'steward' | 'node'>;
  /** Filters that it may publish to. */
  readonly publish?: readonly string[];
  /** Filters that it may read, live and kept, and open. */
  readonly read?: readonly string[];
  /** How long the invitation is good, minutes. Default 60. */
  readonly minutes?: number;
  readonly approval: Approval;
  /** It may administer everything; of persons only. */
  readonly administrator?: boolean;
  /** Ends the name's other keys when the newcomer is admitted: to enrol somebody again. */
  readonly replace?: boolean;
}

/** An invitation that was just made. */
export interface Invited {
  /** The join token: a secret, which neither the node nor anybody else has seen. */
  readonly token: string;
  /** Which invitation it is, hexadecimal. */
  readonly tokenId: string;
  /** Milliseconds since 1970. */
  readonly expires: number;
  /** Whether somebody of that name has joined before. */
  readonly joinedBefore: boolean;
}

/** Where an invitation stands. */
export const STANDINGS = ['open', 'waiting', 'approved', 'used', 'expired', 'withdrawn'] as const;

/** An invitation as the steward lists it. */
export interface Invitation {
  readonly tokenId: string;
  readonly principal: string;
  readonly kind: PrincipalKind | undefined;
  readonly publish: readonly string[];
  readonly read: readonly string[];
  readonly standing: (typeof STANDINGS)[number] | undefined;
  /** The principal id of the key that came, hexadecimal. */
  readonly key?: string;
  /** Since when it waits, or was approved or used; milliseconds since 1970. */
  readonly since?: number;
  readonly created: number;
  readonly expires: number;
  readonly approval: 'by-hand' | 'token' | 'fingerprint' | 'openid' | undefined;
  readonly replace: boolean;
  readonly administrator: boolean;
  /** The administrator who asked for it; empty where it was made in the steward's folder. */
  readonly invitedBy: string;
}

/** See the file. `Client.errands`. */
export class Errands {
  /** @internal */
  constructor(private readonly session: Session) {}

  /** Lets a newcomer come. The token's secret is drawn here. */
  async invite(invite: Invite, options?: ErrandOptions): Promise<Invited> {
    const { session } = this;
    const { text } = parsePrincipalName(invite.principal);
    const id = randomBytes(TOKEN_ID_BYTES);
    const secret = randomBytes(SECRET_BYTES);
    const { approval } = invite;
    const value = {
      tokenId: id,
      secret,
      name: text,
      kind: PRINCIPAL_KINDS.indexOf(invite.kind) + 1,
      publish: [...(invite.publish ?? [])],
      read: [...(invite.read ?? [])],
      minutes: invite.minutes ?? MINUTES_DEFAULT,
      approval: approval === 'by-hand' ? 1 : approval === 'token' ? 2 : 3,
      fingerprint: typeof approval === 'object' ? approval.fingerprint.replace(/[^0-9a-fA-F]/g, '') : '',
      replace: invite.replace ?? false,
      office: invite.administrator === true ? 1 : 0,
    };
    const outcome = await this.#run({ case: 'invite', value }, options);
    if (outcome.case !== 'invited') {
      throw new ProtocolViolation('an invitation', outcome.case);
    }
    const { root, nodeKey, node } = session.profile;
    const { expiresUs, joinedBefore } = outcome.value;
    const token = { principal: text, kind: invite.kind, root, nodeKey, node, id, secret, expiresUs };
    const expires = Number(expiresUs) / 1000;
    return { token: formatJoinToken(token), tokenId: hex(id), expires, joinedBefore };
  }

  /**
   * Invitations, newest first.
   *
   * @param options - `pending`: only those of which something may still come; `after`: the token id of the
   * last one that was told; `max`: at most 100, which is the default
   * @returns them, and whether there are no more behind them
   */
  async invitations(
    options: { pending?: boolean; after?: string; max?: number } & ErrandOptions = {},
  ): Promise<{ invitations: Invitation[]; isLast: boolean }> {
    const { pending = false, after = '', max = INVITATIONS_MAX } = options;
    const value = { pending, after: fromHex(after), max };
    const outcome = await this.#run({ case: 'invitations', value }, options);
    if (outcome.case !== 'invitations') {
      throw new ProtocolViolation('invitations', outcome.case);
    }
    return { invitations: outcome.value.invitations.map(invitationOf), isLast: outcome.value.isLast };
  }

  /**
   * Says yes to a newcomer who waits.
   *
   * @param key - the principal id of the key that waits, whose fingerprint was compared; hexadecimal
   */
  async approve(tokenId: string, key: string, options?: ErrandOptions): Promise<void> {
    const value = { tokenId: fromHex(tokenId), key: fromHex(key) };
    await this.#run({ case: 'approve', value }, options);
  }

  /** Takes an invitation back; whoever waits with it is refused. */
  async withdraw(tokenId: string, reason: string, options?: ErrandOptions): Promise<void> {
    await this.#run({ case: 'withdraw', value: { tokenId: fromHex(tokenId), reason } }, options);
  }

  /**
   * Has the steward sign statements that this client has signed, too, as an issuer, and state them: for what an
   * administrator may not state alone, such as to revoke somebody. 1 to 64, all or none.
   *
   * @returns them as they stand in the control log
   */
  async countersign(statements: readonly Statement[], options?: ErrandOptions): Promise<Statement[]> {
    const value = { statements: statements.map(encodeStatement) };
    const outcome = await this.#run({ case: 'countersign', value }, options);
    if (outcome.case !== 'countersigned') {
      throw new ProtocolViolation('statements', outcome.case);
    }
    return outcome.value.statements.map(decodeStatement);
  }

  async #run(task: ErrandTask, options: ErrandOptions | undefined): Promise<ErrandOutcome> {
    // Few pages have administrators.
    const { runErrand } = await import('./errand.js');
    return runErrand(this.session, task, this.session.nowUs(), options);
  }
}

function invitationOf(told: InvitationMessage): Invitation {
  const since = told.sinceUs === undefined ? {} : { since: Number(told.sinceUs) / 1000 };
  return {
    tokenId: hex(told.tokenId),
    principal: told.name,
    kind: PRINCIPAL_KINDS[told.kind - 1],
    publish: told.publish,
    read: told.read,
    standing: STANDINGS[told.standing - 1],
    ...(told.key.length === 0 ? {} : { key: hex(told.key) }),
    ...since,
    created: Number(told.createdUs) / 1000,
    expires: Number(told.expiresUs) / 1000,
    approval: (['by-hand', 'token', 'fingerprint', 'openid'] as const)[told.approval - 1],
    replace: told.replace,
    administrator: told.office === 1,
    invitedBy: told.invitedBy,
  };
}
