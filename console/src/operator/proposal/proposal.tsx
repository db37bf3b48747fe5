// From a sentence to a statement in the log: shown in plain words, agreed to, signed here, submitted, and
// watched until it holds.

import {
  type Background,
  backgroundOf,
  fingerprint,
  notesOf,
  type Preview,
  previewOf,
  type Said,
  type Surroundings,
} from '@sekisho/client/preview';
import { useEffect, useMemo, useRef, useState } from 'preact/hooks';
import { now } from '../../identity/node';
import { Badge } from '../../parts/badge';
import { Command } from '../../parts/copy';
import { Field } from '../../parts/field';
import { Notice } from '../../parts/notice';
import { type Column, Table } from '../../parts/table';
import { count } from '../../words/format';
import { language } from '../../words/language';
import { commandOf } from '../command';
import type { Desk, Errand, Proposal, Stated } from '../desk';
import { Actions, Asking, Fault, Name } from '../rooms/pieces';
import { download } from '../saving';
import { personalTopics } from '../stand';
import { stand } from '../state';
import { changeWords } from '../words/change';
import { logWords } from '../words/log';
import { common } from '../words/shared';
import { Outcome } from './outcome';

/** What is to be stated together, and by what word somebody agrees to something dangerous. */
export interface Proposed {
  proposals: Proposal[];
  /** Typed to sign what is dangerous. */
  word: string;
  /** Of a revocation of a name. */
  revoked?: string | undefined;
}

/** What is known beside the statement. Whose key it ends was proven where the name is known: no word of the node. */
function backgroundFor({ said, diff }: Proposal, revoked: string | undefined): Background {
  const background = backgroundOf(diff, now(), said);
  return { ...background, holder: revoked ?? background.holder };
}

function around(desk: Desk, { effect, holder }: Background): Surroundings {
  const all = stand.peek();
  return {
    self: desk.self,
    personal: personalTopics(all),
    kindOf: (id) => all.keys.get(id)?.said.principalKind,
    effect,
    holder,
  };
}

/** One proposal in the present language. */
function wordsOf(desk: Desk, proposal: Proposal, revoked: string | undefined): Preview {
  const background = backgroundFor(proposal, revoked);
  return previewOf(proposal.said, background, language.value, around(desk, background));
}

type Step =
  | { at: 'shown' }
  | { at: 'signing'; errand?: Errand | undefined }
  | { at: 'failed'; fault: unknown }
  | { at: 'stated'; stated: Stated[] };

/** Shows what statements would do, and has them agreed to, signed and stated. */
export function ProposalView(props: { desk: Desk; proposed: Proposed; onDone: () => void }) {
  const { desk, proposed } = props;
  const w = changeWords();
  const [step, go] = useState<Step>({ at: 'shown' });
  const previews = proposed.proposals.map((proposal) => wordsOf(desk, proposal, proposed.revoked));
  const isDangerous = previews.some((preview) => preview.warnings.length > 0);
  const section = useRef<HTMLElement>(null);
  // The form above is long: whoever asked what it would do, or has signed, is shown the answer.
  useEffect(() => section.current?.scrollIntoView({ block: 'start' }), []);
  const sign = () => {
    go({ at: 'signing' });
    desk
      .state(proposed.proposals, (errand) => go({ at: 'signing', errand }))
      .then(
        (stated) => go({ at: 'stated', stated }),
        (fault) => go({ at: 'failed', fault }),
      );
  };
  return (
    <section class="stack proposal" aria-label={w.words} ref={section}>
      {proposed.proposals.map((proposal, place) => (
        <Shown key={place} proposal={proposal} preview={previews[place]} />
      ))}
      <Lines proposed={proposed} />
      {step.at === 'stated' ? (
        <Outcome desk={desk} proposed={proposed} stated={step.stated} onDone={props.onDone} />
      ) : step.at === 'signing' ? (
        <Asking text={errandWords(step.errand)} />
      ) : (
        <>
          {step.at === 'failed' ? <Fault fault={step.fault} title={w.failed} /> : null}
          <Agree word={isDangerous ? proposed.word : undefined} keyId={desk.self.id} onAgree={sign} />
        </>
      )}
    </section>
  );
}

function errandWords(errand: Errand | undefined): string {
  const w = changeWords();
  if (errand === 'steward-away') return w.stewardAway;
  return errand === 'waits' ? w.waits : w.signing;
}

function Shown(props: { proposal: Proposal; preview: Preview | undefined }) {
  const w = changeWords();
  const { proposal, preview } = props;
  const notes = notesOf(proposal.diff);
  if (preview === undefined) return null;
  return (
    <div class="preview panel">
      <h3>{w.words}</h3>
      <p class="preview-text" lang={language.value}>
        {preview.text}
      </p>
      {preview.warnings.length === 0 ? null : (
        <Notice weight="warn" title={w.warnings}>
          <ul class="warnings">
            {preview.warnings.map((warning) => (
              <li key={warning}>{warning}</li>
            ))}
          </ul>
        </Notice>
      )}
      {notes.refused === undefined ? null : <p>{w.refusedNote(notes.refused)}</p>}
      {notes.unknown === undefined ? null : <p>{w.unknownNote(notes.unknown)}</p>}
      {notes.leftOut === 0 ? null : <p>{w.leftOut(count(notes.leftOut))}</p>}
      {proposal.diff === undefined ? <p class="dim">{w.noDiff}</p> : <Changes diff={proposal.diff} />}
    </div>
  );
}

interface ChangeRow {
  isOpened: boolean;
  principal: string;
  actions: string[];
  topic: string;
}

function Changes(props: { diff: unknown }) {
  const [w, c] = [changeWords(), common()];
  const { effect } = backgroundOf(props.diff, 0);
  const rows = useMemo((): ChangeRow[] => {
    const of = (isOpened: boolean) => (change: Omit<ChangeRow, 'isOpened'>) => ({ ...change, isOpened });
    return [...(effect?.opened ?? []).map(of(true)), ...(effect?.closed ?? []).map(of(false))];
  }, [effect]);
  if (rows.length === 0) return null;
  const columns: Column<ChangeRow>[] = [
    {
      key: 'sign',
      title: w.changes,
      cell: (row) => (
        <Badge tone={row.isOpened ? 'good' : 'bad'}>{row.isOpened ? `+ ${w.opens}` : `− ${w.closes}`}</Badge>
      ),
    },
    {
      key: 'who',
      title: c.who,
      isHead: true,
      sort: (row) => row.principal,
      cell: (row) => <Name name={row.principal} />,
    },
    { key: 'what', title: c.what, cell: (row) => <Actions actions={row.actions} /> },
    {
      key: 'topic',
      title: c.topic,
      sort: (row) => row.topic,
      cell: (row) => <span class="mono">{row.topic}</span>,
    },
  ];
  return (
    <Table
      caption={w.changes}
      columns={columns}
      rows={rows}
      rowKey={(row) => `${row.isOpened} ${row.principal} ${row.topic}`}
      empty={w.noChanges}
    />
  );
}

/** The command line that does the same: once for a name, however many keys it has. */
function Lines(props: { proposed: Proposed }) {
  const { proposals, revoked } = props.proposed;
  const lines = new Set(proposals.map(({ said }) => commandOf(said, { revoked })));
  return (
    <>
      {[...lines].map((line) =>
        line === undefined ? null : <Command key={line} title={common().sameCommand} line={line} />,
      )}
    </>
  );
}

/** Agreeing: with a click, or by typing what it is about where it is dangerous. */
function Agree(props: { word: string | undefined; keyId: string; onAgree: () => void }) {
  const w = changeWords();
  const [typed, setTyped] = useState('');
  const isTyped = props.word === undefined || typed.trim() === props.word;
  return (
    <form
      class="agree panel"
      onSubmit={(event) => {
        event.preventDefault();
        if (isTyped) props.onAgree();
      }}
    >
      {props.word === undefined ? null : (
        <Field label={w.typeToSign(props.word)} fault={typed !== '' && !isTyped ? w.typed : undefined}>
          {(tied) => (
            <input
              {...tied}
              type="text"
              name="agree"
              class="mono"
              autocomplete="off"
              spellcheck={false}
              value={typed}
              onInput={(event) => setTyped(event.currentTarget.value)}
            />
          )}
        </Field>
      )}
      <p class="field-hint">{w.signedWith(fingerprint(props.keyId))}</p>
      <button
        type="submit"
        class={props.word === undefined ? 'button button-primary' : 'button button-danger'}
        disabled={!isTyped}
      >
        {w.sign}
      </button>
    </form>
  );
}

/** Asks the node what sentences would do; one that says nothing keeps nobody from stating them. */
export function useProposals(desk: Desk, said: Said[] | undefined): Proposal[] | undefined {
  const [proposals, setProposals] = useState<Proposal[]>();
  useEffect(() => {
    setProposals(undefined);
    if (said === undefined) return;
    let isOver = false;
    const weigh = async (one: Said): Promise<Proposal> => {
      const diff = await desk.diff(one).catch(() => undefined);
      return { said: one, diff };
    };
    void Promise.all(said.map(weigh)).then((all) => isOver || setProposals(all));
    return () => {
      isOver = true;
    };
  }, [desk, said]);
  return proposals;
}

/** A button that proves a statement and saves the file. */
export function ProveButton(props: {
  desk: Desk;
  which: { statement: string } | { access: number };
  name: string;
  /** In a table there is room for a word. */
  isShort?: boolean;
}) {
  const w = changeWords();
  const [state, setState] = useState<{ fault?: unknown; isAsking?: boolean }>({});
  const prove = () => {
    setState({ isAsking: true });
    props.desk.prove(props.which).then(
      (proof) => {
        download(`${props.name}.tlog-proof`, proof.text);
        setState({});
      },
      (fault) => setState({ fault }),
    );
  };
  return (
    <>
      <button
        type="button"
        class="button button-small"
        onClick={prove}
        disabled={state.isAsking === true}
        aria-label={`${w.prove} (${props.name})`}
      >
        {props.isShort === true ? logWords().proof : w.prove}
      </button>
      {state.fault === undefined ? null : <Fault fault={state.fault} />}
    </>
  );
}
