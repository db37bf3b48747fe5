// Who may, why, and what: the node's exact answers about rights.

import { doc, docs, flag, text, texts, time } from './read';

/** Somebody who may do what was asked about. */
export interface WhoEntry {
  principal: string;
  id: string;
  isAttested: boolean;
  /** Whom the grant names. */
  grantee: string;
  grant: string;
  role?: string | undefined;
  purpose: string;
  from?: number | undefined;
  until?: number | undefined;
}

/** Reads the answer to `who`. */
export function whoOf(value: unknown): WhoEntry[] {
  return docs(value).map((one) => ({
    principal: text(one.principal) ?? '',
    id: text(one.id) ?? '',
    isAttested: flag(one.attested),
    grantee: text(one.grantee) ?? '',
    grant: text(one.grant) ?? '',
    role: text(one.role),
    purpose: text(one.purpose) ?? '',
    from: time(one.from),
    until: time(one.until),
  }));
}

/** Why somebody may or may not. */
export interface Why {
  isPermitted: boolean;
  /** The chain of statements, or the first thing missing; a line each. */
  lines: string[];
}

/** Reads the answer to `why`. */
export function whyOf(value: unknown): Why {
  const why = doc(value);
  const lines = (text(why.explanation) ?? '').split('\n').filter((line) => line.trim() !== '');
  return { isPermitted: flag(why.permitted), lines };
}

/** A right that somebody has. */
export interface HeldGrant {
  statement: string;
  grantee: string;
  role?: string | undefined;
  actions: string[];
  filter: string;
  purpose: string;
  from?: number | undefined;
  until?: number | undefined;
}

/** Everything that somebody may. */
export interface What {
  principal: string;
  id?: string | undefined;
  keys: string[];
  isAttested: boolean;
  barred?: string | undefined;
  roles: { role: string; statement: string; until?: number | undefined }[];
  grants: HeldGrant[];
  denies: { statement: string; grantee: string; actions: string[]; filter: string; reason: string }[];
}

/** Reads the answer to `what`. */
export function whatOf(value: unknown): What {
  const what = doc(value);
  const actions = (found: unknown) => (text(found) ?? '').split(',').filter((one) => one !== '');
  return {
    principal: text(what.principal) ?? '',
    id: text(what.id),
    keys: texts(what.keys),
    isAttested: flag(what.attested),
    barred: text(what.barred),
    roles: docs(what.roles).map((one) => ({
      role: text(one.role) ?? '',
      statement: text(one.statement) ?? '',
      until: time(one.until),
    })),
    grants: docs(what.grants).map((one) => ({
      statement: text(one.statement) ?? '',
      grantee: text(one.grantee) ?? '',
      role: text(one.role),
      actions: actions(one.actions),
      filter: text(one.filter) ?? '',
      purpose: text(one.purpose) ?? '',
      from: time(one.from),
      until: time(one.until),
    })),
    denies: docs(what.denies).map((one) => ({
      statement: text(one.statement) ?? '',
      grantee: text(one.grantee) ?? '',
      actions: actions(one.actions),
      filter: text(one.filter) ?? '',
      reason: text(one.reason) ?? '',
    })),
  };
}
