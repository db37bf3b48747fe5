// Under which keys topics are sealed, what was destroyed, and destroying what is kept of somebody's accesses.

import { parsePrincipalName } from '@sekisho/client';
import { type ErasureSaid, fingerprint } from '@sekisho/client/preview';
import { useMemo, useState } from 'preact/hooks';
import { Command } from '../../parts/copy';
import { Combo, Field } from '../../parts/field';
import { Notice } from '../../parts/notice';
import { type Column, Table } from '../../parts/table';
import { count } from '../../words/format';
import { useAnswer } from '../asking';
import { sekisho } from '../command';
import type { Desk, Stated } from '../desk';
import type { TreeEpochs } from '../documents/keeping';
import { ProveButton } from '../proposal/proposal';
import { linkTo } from '../route';
import type { Line } from '../stand';
import { stand } from '../state';
import { changeWords } from '../words/change';
import { liveWords } from '../words/live';
import { common } from '../words/shared';
import { Answered, Asking, At, Fault, Part, RoomHead } from './pieces';

const EVERY_MS = 10_000;

/** The room. */
export function Epochs(props: { desk: Desk }) {
  const [w, c] = [liveWords(), common()];
  const answer = useAnswer(() => props.desk.epochs(), 'epochs', EVERY_MS);
  const columns: Column<TreeEpochs>[] = [
    {
      key: 'tree',
      title: w.tree,
      isHead: true,
      sort: (one) => one.tree,
      cell: (one) => <span class="mono">{one.tree}</span>,
    },
    {
      key: 'epoch',
      title: w.epoch,
      isNumber: true,
      sort: (one) => one.epoch ?? 0,
      cell: (one) => figure(one.epoch),
    },
    { key: 'began', title: w.began, cell: (one) => <At time={one.notBefore} /> },
    { key: 'ends', title: w.ends, cell: (one) => <At time={one.notAfter} /> },
    { key: 'oldest', title: w.oldest, isNumber: true, cell: (one) => figure(one.minEpoch) },
    {
      key: 'holders',
      title: w.holders,
      isNumber: true,
      sort: (one) => one.keyHolders,
      cell: (one) => count(one.keyHolders),
    },
    { key: 'erased', title: w.erased, isNumber: true, cell: (one) => count(one.erasedCount) },
    { key: 'suite', title: w.suite, cell: (one) => <span class="mono">{one.suite ?? '–'}</span> },
  ];
  return (
    <>
      <RoomHead title={c.epochs} intro={w.epochsIntro} />
      <Answered answer={answer}>
        {(trees) => (
          <Table
            caption={c.epochs}
            columns={columns}
            rows={trees}
            rowKey={(one) => one.tree}
            empty={w.noEpochs}
          />
        )}
      </Answered>
      <Command title={c.sameCommand} line={sekisho('node', 'epochs')} />
      <Part title={w.erasures} intro={w.erasuresIntro}>
        <Erasures desk={props.desk} />
      </Part>
      <Part title={w.erase} intro={w.eraseIntro}>
        <Erase desk={props.desk} />
      </Part>
    </>
  );
}

function figure(value: number | undefined): string {
  return value === undefined ? '–' : count(value);
}

function Erasures(props: { desk: Desk }) {
  const [w, c] = [liveWords(), common()];
  const { lines } = stand.value;
  const rows = useMemo(
    () =>
      lines.filter((line): line is Line & { said: ErasureSaid } => line.said.kind === 'erasure').reverse(),
    [lines],
  );
  const columns: Column<(typeof rows)[number]>[] = [
    {
      key: 'when',
      title: c.when,
      sort: (line) => line.received,
      cell: (line) => <At time={line.received} />,
    },
    { key: 'what', title: c.what, isHead: true, cell: (line) => erasedWords(line.said) },
    { key: 'records', title: w.records, isNumber: true, cell: (line) => count(line.said.records) },
    { key: 'reason', title: c.reason, cell: (line) => line.said.reason || '–' },
    {
      key: 'entry',
      title: c.statement,
      cell: (line) => <a href={linkTo('log', 'control', { entry: line.id })}>{count(line.index)}</a>,
    },
    {
      key: 'proof',
      title: changeWords().prove,
      cell: (line) => (
        <ProveButton
          isShort
          desk={props.desk}
          which={{ statement: line.id }}
          name={`erasure-${line.index}`}
        />
      ),
    },
  ];
  return (
    <Table
      caption={w.erasures}
      columns={columns}
      rows={rows}
      rowKey={(line) => line.id}
      empty={w.noErasures}
    />
  );
}

/** What was destroyed, in words. */
export function erasedWords(said: ErasureSaid): string {
  const w = liveWords();
  const { erased } = said;
  return 'subject' in erased
    ? w.erasedSubject(fingerprint(erased.subject))
    : w.erasedEpoch(erased.tree, count(erased.epoch));
}

interface Erased {
  name: string;
  records: number;
  keyHeaders: number;
  stated: Stated;
}

function Erase(props: { desk: Desk }) {
  const [w, c] = [liveWords(), common()];
  const [who, setWho] = useState('');
  const [reason, setReason] = useState('');
  const [typed, setTyped] = useState('');
  const [state, setState] = useState<{ isAsking?: boolean; fault?: unknown; done?: Erased }>({});
  const names = useMemo(
    () => [...new Set([...stand.value.keys.values()].map((key) => key.said.name))],
    [stand.value],
  );
  const name = who.trim();
  const fault = useMemo(() => faultOf(name), [name]);
  const isTyped = name !== '' && fault === undefined && typed.trim() === name;
  const erase = () => {
    setState({ isAsking: true });
    props.desk.erase(name, undefined, reason.trim()).then(
      (done) => {
        setState({ done: { name, ...done } });
        setTyped('');
      },
      (thrown) => setState({ fault: thrown }),
    );
  };
  return (
    <form
      class="form"
      onSubmit={(event) => {
        event.preventDefault();
        if (isTyped) erase();
      }}
    >
      <Field label={w.eraseWho} hint={w.eraseHint} fault={name === '' ? undefined : fault}>
        {(tied) => <Combo tied={tied} name="subject" value={who} options={names} onInput={setWho} />}
      </Field>
      <Field label={w.eraseWhy}>
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
      {name === '' || fault !== undefined ? null : <Agree name={name} typed={typed} onInput={setTyped} />}
      {state.fault === undefined ? null : <Fault fault={state.fault} />}
      {state.isAsking === true ? <Asking text={w.erasing} /> : null}
      {state.done === undefined ? null : <Done done={state.done} />}
      <div class="row">
        <button type="submit" class="button button-danger" disabled={!isTyped || state.isAsking === true}>
          {w.eraseDo}
        </button>
      </div>
      <Command
        title={c.sameCommand}
        line={sekisho(
          'erase',
          name || 'NAME@ORGANISATION',
          ...(reason.trim() === '' ? [] : ['--reason', reason.trim()]),
        )}
      />
    </form>
  );
}

/** Typed before anything is destroyed. */
function Agree(props: { name: string; typed: string; onInput: (typed: string) => void }) {
  const w = liveWords();
  const isOther = props.typed !== '' && props.typed.trim() !== props.name;
  return (
    <Field label={w.eraseType(props.name)} fault={isOther ? changeWords().typed : undefined}>
      {(tied) => (
        <input
          {...tied}
          type="text"
          name="agree"
          class="mono"
          autocomplete="off"
          value={props.typed}
          onInput={(event) => props.onInput(event.currentTarget.value)}
        />
      )}
    </Field>
  );
}

function Done(props: { done: Erased }) {
  const { name, records, keyHeaders, stated } = props.done;
  return (
    <Notice title={liveWords().eraseDone(name, count(records), count(keyHeaders))} live>
      {changeWords().stands(count(stated.index))}
    </Notice>
  );
}

function faultOf(name: string): string | undefined {
  try {
    parsePrincipalName(name);
    return undefined;
  } catch (fault) {
    return fault instanceof Error ? fault.message : String(fault);
  }
}
