// Newcomers: inviting them with a token that is made in this browser, and letting in those whose key is the
// one that their own screen shows.

import { fingerprint, KINDS, type PrincipalKind } from '@sekisho/client/preview';
import { useState } from 'preact/hooks';
import { Badge } from '../../parts/badge';
import { Command, Copy } from '../../parts/copy';
import { Dialog } from '../../parts/dialog';
import { Field, useLeadToFault } from '../../parts/field';
import { Notice } from '../../parts/notice';
import { type Column, Table } from '../../parts/table';
import { dateTime } from '../../words/format';
import { useAnswer } from '../asking';
import { sekisho } from '../command';
import type { Approval, Desk, Errand, Invitation, Offer } from '../desk';
import { type Faults, invitationFaults } from '../proposal/draft';
import { QrCode } from '../qr_code';
import { changeWords } from '../words/change';
import { enrolmentWords } from '../words/enrolment';
import { common, kindWords } from '../words/shared';
import { Answered, Asking, At, Fault, KeyText, Part, RoomHead } from './pieces';

const EVERY_MS = 5_000;

/** The room. */
export function Enrolment(props: { desk: Desk }) {
  const { desk } = props;
  const [w, c] = [enrolmentWords(), common()];
  const [errand, setErrand] = useState<Errand>();
  const answer = useAnswer(() => desk.invitations(setErrand), 'invitations', EVERY_MS);
  return (
    <>
      <RoomHead title={c.enrolment} intro={w.intro} />
      <Part title={w.waiting}>
        <Away errand={answer.isAsking && answer.value === undefined ? errand : undefined} />
        <Answered answer={answer}>
          {(all) => <Waiting desk={desk} all={all} onChanged={answer.again} />}
        </Answered>
        <Command title={c.sameCommand} line={sekisho('enrol', '--list')} />
      </Part>
      <Part title={w.invite}>
        <Invite desk={desk} onInvited={answer.again} />
      </Part>
    </>
  );
}

function Away(props: { errand: Errand | undefined }) {
  const w = changeWords();
  if (props.errand !== 'steward-away') return null;
  return <Notice weight="warn" title={w.stewardAway} live />;
}

const TONES: Record<Invitation['standing'], 'good' | 'warn' | undefined> = {
  open: undefined,
  waiting: 'warn',
  approved: 'good',
  used: 'good',
  expired: undefined,
  withdrawn: undefined,
};

function standingWord(standing: Invitation['standing']): string {
  const w = enrolmentWords();
  const words: Record<Invitation['standing'], string> = {
    open: w.stateOpen,
    waiting: w.stateWaiting,
    approved: w.stateApproved,
    used: w.stateUsed,
    expired: w.stateExpired,
    withdrawn: w.stateWithdrawn,
  };
  return words[standing];
}

interface Chosen {
  invitation: Invitation;
  what: 'approve' | 'refuse';
}

/** Those who wait come first. */
function order(one: Invitation): number {
  if (one.standing === 'waiting') return 0;
  return one.standing === 'open' ? 1 : 2;
}

function invitationColumns(choose: (chosen: Chosen) => void): Column<Invitation>[] {
  const [w, c, kinds] = [enrolmentWords(), common(), kindWords()];
  return [
    {
      key: 'name',
      title: c.name,
      isHead: true,
      sort: (one) => one.name,
      cell: (one) => <span class="mono">{one.name}</span>,
    },
    { key: 'kind', title: c.kind, cell: (one) => kinds[one.kind as PrincipalKind] ?? one.kind },
    {
      key: 'state',
      title: c.state,
      sort: order,
      cell: (one) => <Badge tone={TONES[one.standing]}>{standingWord(one.standing)}</Badge>,
    },
    { key: 'key', title: c.key, cell: (one) => (one.key === undefined ? '–' : <KeyText id={one.key} />) },
    { key: 'expires', title: w.expires, cell: (one) => <At time={one.expires} /> },
    {
      key: 'do',
      title: c.answer,
      cell: (one) => (
        <span class="row">
          {one.standing === 'waiting' ? (
            <button
              type="button"
              class="button button-small button-primary"
              onClick={() => choose({ invitation: one, what: 'approve' })}
            >
              {w.approve}
            </button>
          ) : null}
          {one.standing === 'waiting' || one.standing === 'open' ? (
            <button
              type="button"
              class="button button-small"
              onClick={() => choose({ invitation: one, what: 'refuse' })}
            >
              {w.refuse}
            </button>
          ) : null}
        </span>
      ),
    },
  ];
}

function Waiting(props: { desk: Desk; all: Invitation[]; onChanged: () => void }) {
  const w = enrolmentWords();
  const [chosen, choose] = useState<Chosen>();
  const [said, say] = useState<string>();
  const rows = [...props.all].sort((one, other) => order(one) - order(other));
  const done = (text: string) => {
    choose(undefined);
    say(text);
    props.onChanged();
  };
  return (
    <>
      <Table
        caption={w.waiting}
        columns={invitationColumns(choose)}
        rows={rows}
        rowKey={(one) => one.token}
        empty={w.waitingNone}
      />
      <p role="status" class="good-words">
        {said}
      </p>
      <Dialog
        open={chosen !== undefined}
        title={chosen?.what === 'refuse' ? w.refuse : w.approve}
        onClose={() => choose(undefined)}
      >
        {chosen?.what === 'approve' ? (
          <Approve
            desk={props.desk}
            invitation={chosen.invitation}
            onDone={done}
            onClose={() => choose(undefined)}
          />
        ) : null}
        {chosen?.what === 'refuse' ? (
          <Refuse
            desk={props.desk}
            invitation={chosen.invitation}
            onDone={done}
            onClose={() => choose(undefined)}
          />
        ) : null}
      </Dialog>
    </>
  );
}

interface AnswerProps {
  desk: Desk;
  invitation: Invitation;
  onDone: (text: string) => void;
  onClose: () => void;
}

/** Lets one in, by the digits on the newcomer's own screen: nobody is let in unseen. */
function Approve(props: AnswerProps) {
  const [w, c] = [enrolmentWords(), common()];
  const { invitation } = props;
  const [typed, setTyped] = useState('');
  const [state, setState] = useState<{ errand?: Errand; fault?: unknown; isAsking?: boolean }>({});
  const key = invitation.key ?? '';
  const digits = typed
    .trim()
    .toLowerCase()
    .replaceAll(/[^0-9a-f]/g, '');
  const isTyped = digits.length >= 4 && key.startsWith(digits);
  const approve = () => {
    setState({ isAsking: true });
    props.desk
      .approve(invitation, (errand) => setState({ isAsking: true, errand }))
      .then(
        () => props.onDone(w.letIn(invitation.name)),
        (fault) => setState({ fault }),
      );
  };
  return (
    <form
      class="stack"
      onSubmit={(event) => {
        event.preventDefault();
        if (isTyped) approve();
      }}
    >
      <p>{w.compareText(invitation.name)}</p>
      <p class="fingerprint">{fingerprint(key)}</p>
      <p>{w.compare}</p>
      <Field label={w.typeKey} fault={digits.length >= 4 && !isTyped ? changeWords().typed : undefined}>
        {(tied) => (
          <input
            {...tied}
            type="text"
            name="digits"
            class="mono"
            autocomplete="off"
            value={typed}
            onInput={(event) => setTyped(event.currentTarget.value)}
          />
        )}
      </Field>
      <Command
        title={c.sameCommand}
        line={sekisho('enrol', '--approve', invitation.name.split('@')[0], '--key', fingerprint(key))}
      />
      {state.fault === undefined ? null : <Fault fault={state.fault} />}
      {state.isAsking === true ? <Asking text={errandWord(state.errand)} /> : null}
      <div class="row">
        <button type="submit" class="button button-primary" disabled={!isTyped || state.isAsking === true}>
          {w.approve}
        </button>
        <button type="button" class="button" onClick={props.onClose}>
          {c.cancel}
        </button>
      </div>
    </form>
  );
}

function errandWord(errand: Errand | undefined): string {
  const w = changeWords();
  if (errand === 'steward-away') return w.stewardAway;
  return errand === 'waits' ? w.waits : common().asking;
}

/** Takes a token back. */
function Refuse(props: AnswerProps) {
  const [w, c] = [enrolmentWords(), common()];
  const { invitation } = props;
  const [reason, setReason] = useState('');
  const [state, setState] = useState<{ errand?: Errand; fault?: unknown; isAsking?: boolean }>({});
  const refuse = () => {
    setState({ isAsking: true });
    props.desk
      .withdraw(invitation, reason.trim(), (errand) => setState({ isAsking: true, errand }))
      .then(
        () => props.onDone(w.turnedAway(invitation.name)),
        (fault) => setState({ fault }),
      );
  };
  return (
    <form
      class="stack"
      onSubmit={(event) => {
        event.preventDefault();
        refuse();
      }}
    >
      <p>{w.refuseIntro(invitation.name)}</p>
      <Field label={w.refuseReason}>
        {(tied) => (
          <input
            {...tied}
            type="text"
            name="reason"
            value={reason}
            onInput={(event) => setReason(event.currentTarget.value)}
          />
        )}
      </Field>
      {state.fault === undefined ? null : <Fault fault={state.fault} />}
      {state.isAsking === true ? <Asking text={errandWord(state.errand)} /> : null}
      <div class="row">
        <button type="submit" class="button button-danger" disabled={state.isAsking === true}>
          {w.refuse}
        </button>
        <button type="button" class="button" onClick={props.onClose}>
          {c.cancel}
        </button>
      </div>
    </form>
  );
}

interface InviteFields {
  name: string;
  kind: PrincipalKind;
  publish: string;
  read: string;
  minutes: string;
  approval: 'by-hand' | 'matching' | 'key';
  key: string;
  replace: boolean;
  administrator: boolean;
}

const EMPTY: InviteFields = {
  name: '',
  kind: 'device',
  publish: '',
  read: '',
  minutes: '60',
  approval: 'by-hand',
  key: '',
  replace: false,
  administrator: false,
};

function lines(text: string): string[] {
  return text
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line !== '');
}

function offerOf(fields: InviteFields, organisation: string): Offer {
  const name = fields.name.trim();
  const digits = fields.key.toLowerCase().replaceAll(/[^0-9a-f]/g, '');
  const approval: Approval = fields.approval === 'key' ? { key: digits } : fields.approval;
  return {
    name: name.includes('@') ? name : `${name}@${organisation}`,
    kind: fields.kind,
    publish: lines(fields.publish),
    read: lines(fields.read),
    minutes: Number(fields.minutes),
    approval,
    replace: fields.replace,
    administrator: fields.kind === 'person' && fields.administrator,
  };
}

function commandFor(offer: Offer): string {
  const { approval } = offer;
  return sekisho(
    'enrol',
    offer.name.split('@')[0] || 'NAME',
    '--kind',
    offer.kind,
    ...offer.publish.flatMap((filter) => ['--topics', filter]),
    ...offer.read.flatMap((filter) => ['--read', filter]),
    ...(offer.minutes === 60 ? [] : ['--minutes', String(offer.minutes)]),
    ...(approval === 'by-hand'
      ? []
      : approval === 'matching'
        ? ['--approve-matching']
        : ['--approve-matching', approval.key]),
    ...(offer.replace ? ['--replace'] : []),
    ...(offer.administrator ? ['--administrator'] : []),
  );
}

function Invite(props: { desk: Desk; onInvited: () => void }) {
  const { desk } = props;
  const [w, c] = [enrolmentWords(), common()];
  const [fields, setFields] = useState(EMPTY);
  const [state, setState] = useState<{ errand?: Errand; fault?: unknown; isAsking?: boolean }>({});
  const [made, setMade] = useState<{ offer: Offer; token: string; expires: number }>();
  const [faults, setFaults] = useState<Faults>({});
  const form = useLeadToFault(faults);
  const set = (changed: Partial<InviteFields>) => setFields((before) => ({ ...before, ...changed }));
  const offer = offerOf(fields, desk.self.organisation);
  const areMinutes = offer.minutes >= 1 && offer.minutes <= 1_440 && Number.isInteger(offer.minutes);
  const make = () => {
    const found = invitationFaults(offer, desk.self.organisation);
    setFaults(found);
    if (Object.keys(found).length > 0) {
      setState({});
      return;
    }
    setState({ isAsking: true });
    desk
      .invite(offer, (errand) => setState({ isAsking: true, errand }))
      .then(
        (invited) => {
          setState({});
          setMade({ offer, ...invited });
          props.onInvited();
        },
        (fault) => setState({ fault }),
      );
  };
  if (made !== undefined) {
    const forget = () => {
      setMade(undefined);
      setFields(EMPTY);
    };
    return <Token {...made} onForget={forget} />;
  }
  return (
    <form
      ref={form}
      class="form"
      onSubmit={(event) => {
        event.preventDefault();
        if (fields.name.trim() !== '' && areMinutes) make();
      }}
    >
      <WhoInputs fields={fields} set={set} faults={faults} />
      <HowInputs fields={fields} set={set} areMinutes={areMinutes} />
      <InviteMarks fields={fields} set={set} />
      {offer.administrator ? <Notice weight="warn" title={w.administratorWarning} /> : null}
      {state.fault === undefined ? null : <Fault fault={state.fault} />}
      {state.isAsking === true ? (
        <Asking text={state.errand === undefined ? w.making : errandWord(state.errand)} />
      ) : null}
      <div class="row">
        <button
          type="submit"
          class="button button-primary"
          disabled={fields.name.trim() === '' || !areMinutes || state.isAsking === true}
        >
          {w.make}
        </button>
      </div>
      <Command title={c.sameCommand} line={commandFor(offer)} />
    </form>
  );
}

interface InviteProps {
  fields: InviteFields;
  set: (changed: Partial<InviteFields>) => void;
}

/** Who comes, and what they may. */
function WhoInputs({ fields, set, faults }: InviteProps & { faults: Faults }) {
  const [w, kinds] = [enrolmentWords(), kindWords()];
  return (
    <>
      <Field label={w.name} hint={w.nameHint} fault={faults.name}>
        {(tied) => (
          <input
            {...tied}
            type="text"
            name="name"
            autocomplete="off"
            value={fields.name}
            onInput={(event) => set({ name: event.currentTarget.value })}
          />
        )}
      </Field>
      <Field label={w.kind}>
        {(tied) => (
          <select
            {...tied}
            name="kind"
            value={fields.kind}
            onChange={(event) =>
              set({ kind: KINDS.find((kind) => kind === event.currentTarget.value) ?? 'device' })
            }
          >
            {(['device', 'person', 'app', 'bridge'] as const).map((kind) => (
              <option key={kind} value={kind}>
                {kinds[kind]}
              </option>
            ))}
          </select>
        )}
      </Field>
      <Filters
        name="publish"
        label={w.publish}
        value={fields.publish}
        fault={faults.publish}
        onInput={(publish) => set({ publish })}
      />
      <Filters
        name="read"
        label={w.read}
        value={fields.read}
        fault={faults.read}
        onInput={(read) => set({ read })}
      />
    </>
  );
}

/** For how long, and who says yes. */
function HowInputs({ fields, set, areMinutes }: InviteProps & { areMinutes: boolean }) {
  const w = enrolmentWords();
  return (
    <>
      <Field label={w.minutes} fault={areMinutes ? undefined : w.minutesFault}>
        {(tied) => (
          <input
            {...tied}
            type="number"
            name="minutes"
            min={1}
            max={1440}
            value={fields.minutes}
            onInput={(event) => set({ minutes: event.currentTarget.value })}
          />
        )}
      </Field>
      <Field label={w.approval}>
        {(tied) => (
          <select
            {...tied}
            name="approval"
            value={fields.approval}
            onChange={(event) => {
              const chosen = event.currentTarget.value;
              set({ approval: chosen === 'key' || chosen === 'matching' ? chosen : 'by-hand' });
            }}
          >
            <option value="by-hand">{w.byHand}</option>
            <option value="key">{w.byKey}</option>
            <option value="matching">{w.matching}</option>
          </select>
        )}
      </Field>
      {fields.approval === 'key' ? (
        <Field label={w.fingerprint} hint={w.fingerprintHint}>
          {(tied) => (
            <input
              {...tied}
              type="text"
              name="key"
              class="mono"
              value={fields.key}
              onInput={(event) => set({ key: event.currentTarget.value })}
            />
          )}
        </Field>
      ) : null}
    </>
  );
}

function InviteMarks({ fields, set }: InviteProps) {
  const w = enrolmentWords();
  return (
    <>
      <label class="check">
        <input
          type="checkbox"
          name="replace"
          checked={fields.replace}
          onChange={(event) => set({ replace: event.currentTarget.checked })}
        />
        {w.replace}
      </label>
      {fields.kind === 'person' ? (
        <label class="check">
          <input
            type="checkbox"
            name="administrator"
            checked={fields.administrator}
            onChange={(event) => set({ administrator: event.currentTarget.checked })}
          />
          {w.administrator}
        </label>
      ) : null}
    </>
  );
}

function Filters(props: {
  name: string;
  label: string;
  value: string;
  fault: string | undefined;
  onInput: (value: string) => void;
}) {
  const w = enrolmentWords();
  return (
    <Field label={props.label} hint={w.filtersHint} fault={props.fault}>
      {(tied) => (
        <textarea
          {...tied}
          name={props.name}
          class="mono"
          rows={2}
          value={props.value}
          onInput={(event) => props.onInput(event.currentTarget.value)}
        />
      )}
    </Field>
  );
}

/** A token as text, as a QR code and as what to type; gone from the page when it was handed over. */
function Token(props: { offer: Offer; token: string; expires: number; onForget: () => void }) {
  const w = enrolmentWords();
  const { offer, token } = props;
  const dir = offer.name.split('@')[0];
  const isReader = offer.kind === 'person' || offer.kind === 'app';
  const page = offer.administrator ? '/console' : '/';
  const link = `${location.origin}${page}#join=${token}`;
  return (
    <div class="token stack">
      <h4>{w.tokenFor(offer.name)}</h4>
      <p>{w.tokenUntil(dateTime(props.expires))}</p>
      <div class="token-parts">
        {/* In capitals it takes fewer modules, and is the same token. */}
        <QrCode text={token.toUpperCase()} label={w.qr(offer.name)} />
        <div class="stack">
          <p class="mono token-text" id="token-text">
            {token}
          </p>
          <div class="row">
            <Copy text={token} label={w.tokenFor(offer.name)} />
          </div>
          <Command title={w.join} line={sekisho('join', '--dir', dir)} />
          <p class="field-hint">{w.joinWhy}</p>
          {isReader ? <Command title={w.joinLink} line={link} /> : null}
          <p class="field-hint">{w.tokenMade}</p>
        </div>
      </div>
      <div class="row">
        <button type="button" class="button button-primary" onClick={props.onForget}>
          {w.forget}
        </button>
      </div>
    </div>
  );
}
