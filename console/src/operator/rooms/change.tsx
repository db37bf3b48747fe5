// Forms in which something is granted, denied, given as a role, revoked or described. What is filled in is
// first shown in plain words; nothing is signed by filling in a form.

import { ACTIONS, CLASSES, isAction, type Said } from '@sekisho/client/preview';
import type { ComponentChildren } from 'preact';
import { useMemo, useState } from 'preact/hooks';
import { now } from '../../identity/node';
import { Combo, Field, type Tied, useLeadToFault } from '../../parts/field';
import type { Desk } from '../desk';
import {
  type Draft,
  denyOf,
  type Faults,
  type FaultWords,
  type Fields,
  grantOf,
  roleOf,
  streamOf,
  targetOf,
} from '../proposal/draft';
import { ProposalView, useProposals } from '../proposal/proposal';
import { linkTo } from '../route';
import { present, roles } from '../stand';
import { place, stand, streams } from '../state';
import { changeWords } from '../words/change';
import { actionWords, classWords, common } from '../words/shared';
import { Asking, Fault, Parts, RoomHead } from './pieces';

const FORMS = ['grant', 'deny', 'role', 'revoke', 'describe'] as const;
type FormName = (typeof FORMS)[number];

/** The room. */
export function Change(props: { desk: Desk }) {
  const [w, c] = [changeWords(), common()];
  const part = FORMS.find((one) => one === place.value.part) ?? 'grant';
  const { query } = place.value;
  return (
    <>
      <RoomHead title={c.change} intro={w[`${part}Intro`]} />
      <Parts room="change" present={part} parts={FORMS.map((name) => ({ name, title: w[name] }))} />
      <Form key={`${part} ${JSON.stringify(query)}`} desk={props.desk} form={part} query={query} />
    </>
  );
}

/** What a link to a form fills in. */
function filledIn(form: FormName, query: Record<string, string>): Fields {
  const { who = '', topic = '', target = '', role = '', action } = query;
  const actions = action === undefined || !isAction(action) ? ['subscribe', 'decrypt', 'discover'] : [action];
  const set = Object.fromEntries(actions.map((one) => [`action-${one}`, 'yes']));
  switch (form) {
    case 'grant':
    case 'deny':
      return { grantee: who, filter: topic, ...set };
    case 'role':
      return { member: who, role };
    case 'revoke':
      return { target };
    case 'describe':
      return { topic, class: 'restricted' };
  }
}

/** What is to be stated, once the form is well formed. */
interface Wish {
  said: Said[];
  word: string;
  revoked?: string | undefined;
}

async function wishOf(desk: Desk, form: FormName, fields: Fields): Promise<Draft<Wish>> {
  const own = desk.self.organisation;
  const w = changeWords();
  const words = { empty: w.emptyFault, noActions: w.actionsFault, endsBefore: w.untilFault };
  switch (form) {
    case 'grant':
      return one(grantOf(fields, own, now(), words), (said) => said.grantee);
    case 'deny':
      return one(denyOf(fields, own, now(), words), (said) => said.grantee);
    case 'role':
      return one(roleOf(fields, own, now(), words), (said) => said.member);
    case 'describe':
      return one(streamOf(fields, own, now(), words), (said) => said.topic);
    case 'revoke':
      return revocationOf(desk, fields, words);
  }
}

function one<T extends Said>(draft: Draft<T>, word: (said: T) => string): Draft<Wish> {
  if (draft.faults !== undefined) return { faults: draft.faults };
  return { said: { said: [draft.said], word: word(draft.said) } };
}

/** Somebody who joined twice has two keys; each of them is revoked. */
async function revocationOf(desk: Desk, fields: Fields, words: FaultWords): Promise<Draft<Wish>> {
  const draft = targetOf(fields, words);
  if (draft.faults !== undefined) return { faults: draft.faults };
  const base = {
    kind: 'revoke',
    organisation: desk.self.organisation,
    reason: (fields.reason ?? '').trim(),
    issued: now(),
  } as const;
  if ('statement' in draft.said) {
    const { statement } = draft.said;
    return { said: { said: [{ ...base, target: { statement } }], word: statement.slice(0, 8) } };
  }
  const { name } = draft.said;
  const keys = await desk.keysOf(name);
  if (keys.length === 0) {
    return { faults: { target: `${name}: wanted a principal that joined and is not revoked, found none` } };
  }
  const said = keys.map((principal): Said => ({ ...base, target: { principal } }));
  return { said: { said, word: name, revoked: name } };
}

function Form(props: { desk: Desk; form: FormName; query: Record<string, string> }) {
  const { desk, form } = props;
  const w = changeWords();
  const [fields, setFields] = useState<Fields>(() => filledIn(form, props.query));
  const [faults, setFaults] = useState<Faults>({});
  const [fault, setFault] = useState<unknown>();
  const [wish, setWish] = useState<Wish>();
  const element = useLeadToFault(faults);
  const proposals = useProposals(desk, wish?.said);
  const proposed = useMemo(
    () =>
      wish === undefined || proposals === undefined
        ? undefined
        : { proposals, word: wish.word, revoked: wish.revoked },
    [wish, proposals],
  );
  const change = (name: string, value: string) => {
    setFields((before) => ({ ...before, [name]: value }));
    // What was previewed is not what stands in the form any more.
    setWish(undefined);
  };
  const show = () => {
    setFault(undefined);
    wishOf(desk, form, fields).then(
      (draft) => {
        setFaults(draft.faults ?? {});
        setWish(draft.said);
      },
      (thrown) => setFault(thrown),
    );
  };
  const anew = () => {
    setWish(undefined);
    setFields(filledIn(form, {}));
    if (Object.keys(props.query).length > 0) location.hash = linkTo('change', form);
  };
  return (
    <>
      <form
        ref={element}
        class="form panel"
        noValidate
        onSubmit={(event) => {
          event.preventDefault();
          show();
        }}
      >
        <Inputs form={form} fields={fields} faults={faults} change={change} />
        <div class="row">
          <button type="submit" class="button button-primary">
            {w.preview}
          </button>
        </div>
      </form>
      {fault === undefined ? null : <Fault fault={fault} />}
      {wish !== undefined && proposed === undefined ? <Asking text={w.weighing} /> : null}
      {proposed === undefined ? null : <ProposalView desk={desk} proposed={proposed} onDone={anew} />}
    </>
  );
}

interface InputsProps {
  fields: Fields;
  faults: Faults;
  change: (name: string, value: string) => void;
}

function Inputs(props: InputsProps & { form: FormName }) {
  switch (props.form) {
    case 'grant':
      return <GrantInputs {...props} />;
    case 'deny':
      return <DenyInputs {...props} />;
    case 'role':
      return <RoleInputs {...props} />;
    case 'revoke':
      return <RevokeInputs {...props} />;
    case 'describe':
      return <DescribeInputs {...props} />;
  }
}

/** A field of the form with any control. */
function Input(
  props: InputsProps & {
    name: string;
    label: string;
    hint?: string;
    children: (tied: Tied, value: string) => ComponentChildren;
  },
) {
  return (
    <Field label={props.label} hint={props.hint} fault={props.faults[props.name]}>
      {(tied) => props.children(tied, props.fields[props.name] ?? '')}
    </Field>
  );
}

function Text(props: InputsProps & { name: string; label: string; hint?: string; type?: string }) {
  return (
    <Input {...props}>
      {(tied, value) => (
        <input
          {...tied}
          type={props.type ?? 'text'}
          name={props.name}
          value={value}
          autocomplete="off"
          onInput={(event) => props.change(props.name, event.currentTarget.value)}
        />
      )}
    </Input>
  );
}

function Picker(props: InputsProps & { name: string; label: string; hint?: string; options: string[] }) {
  return (
    <Input {...props}>
      {(tied, value) => (
        <Combo
          tied={tied}
          name={props.name}
          value={value}
          options={props.options}
          onInput={(text) => props.change(props.name, text)}
        />
      )}
    </Input>
  );
}

function Mark(props: InputsProps & { name: string; label: string }) {
  return (
    <label class="check">
      <input
        type="checkbox"
        name={props.name}
        checked={props.fields[props.name] === 'yes'}
        onChange={(event) => props.change(props.name, event.currentTarget.checked ? 'yes' : '')}
      />
      {props.label}
    </label>
  );
}

/** Everybody and every role that a form may be about. */
function usePeople(): string[] {
  const all = stand.value;
  return useMemo(() => {
    const names = present(all, now())
      .filter((key) => key.said.principalKind !== 'node')
      .map((key) => key.said.name);
    return [...new Set([...names, ...roles(all)])];
  }, [all]);
}

/** Topics, and the filters that are above them. */
function useFilters(): string[] {
  const all = streams.value;
  return useMemo(() => {
    const filters = new Set<string>();
    for (const { topic } of all) {
      const levels = topic.split('/');
      for (let depth = 2; depth < levels.length; depth += 1)
        filters.add(`${levels.slice(0, depth).join('/')}/#`);
    }
    return [...filters, ...all.map((stream) => stream.topic)];
  }, [all]);
}

function ActionMarks(props: InputsProps) {
  const w = changeWords();
  const names = actionWords();
  const fault = props.faults.actions;
  return (
    <fieldset class="actions">
      <legend>{w.actions}</legend>
      <div class="row">
        {ACTIONS.map((action) => (
          <Mark key={action} {...props} name={`action-${action}`} label={names[action]} />
        ))}
      </div>
      <p class="field-hint">{w.read}</p>
      {fault === undefined ? null : (
        <p class="field-fault" role="alert">
          {fault}
        </p>
      )}
    </fieldset>
  );
}

function GrantInputs(props: InputsProps) {
  const w = changeWords();
  const looksBack = props.fields['action-history'] === 'yes';
  const publishes = props.fields['action-publish'] === 'yes';
  return (
    <>
      <Picker {...props} name="grantee" label={w.grantee} hint={w.granteeHint} options={usePeople()} />
      <Picker {...props} name="filter" label={w.filter} hint={w.filterHint} options={useFilters()} />
      <ActionMarks {...props} />
      <Text {...props} name="purpose" label={w.purpose} hint={w.purposeHint} />
      <Text {...props} name="from" label={w.from} hint={w.fromHint} type="datetime-local" />
      <Text {...props} name="until" label={w.until} hint={w.untilHint} type="datetime-local" />
      {looksBack ? (
        <Text
          {...props}
          name="historyFrom"
          label={w.historyFrom}
          hint={w.historyFromHint}
          type="datetime-local"
        />
      ) : null}
      {publishes ? <Text {...props} name="rate" label={w.rate} hint={w.rateHint} type="number" /> : null}
      <Mark {...props} name="onward" label={w.onward} />
    </>
  );
}

function DenyInputs(props: InputsProps) {
  const w = changeWords();
  return (
    <>
      <Picker {...props} name="grantee" label={w.grantee} hint={w.granteeHint} options={usePeople()} />
      <Picker {...props} name="filter" label={w.filter} hint={w.filterHint} options={useFilters()} />
      <ActionMarks {...props} />
      <Text {...props} name="reason" label={w.reason} hint={w.reasonHint} />
    </>
  );
}

function RoleInputs(props: InputsProps) {
  const w = changeWords();
  const people = usePeople();
  return (
    <>
      <Picker {...props} name="role" label={w.roleName} hint={w.roleHint} options={roles(stand.value)} />
      <Picker
        {...props}
        name="member"
        label={w.member}
        hint={w.memberHint}
        options={people.filter((name) => !name.startsWith('role/'))}
      />
      <Text {...props} name="until" label={w.until} hint={w.untilHint} type="datetime-local" />
    </>
  );
}

function RevokeInputs(props: InputsProps) {
  const w = changeWords();
  const people = usePeople();
  return (
    <>
      <Picker
        {...props}
        name="target"
        label={w.target}
        hint={w.targetHint}
        options={people.filter((name) => !name.startsWith('role/'))}
      />
      <Text {...props} name="reason" label={w.reason} hint={w.reasonHint} />
    </>
  );
}

function DescribeInputs(props: InputsProps) {
  const w = changeWords();
  const classes = classWords();
  const isMobile = props.fields.mobile === 'yes';
  const types = [...new Set(streams.value.flatMap((stream) => stream.deviceType || []))];
  return (
    <>
      <Picker {...props} name="topic" label={w.topic} options={streams.value.map((stream) => stream.topic)} />
      <Picker {...props} name="deviceType" label={w.deviceType} options={types} />
      <Text {...props} name="title" label={w.title} />
      <Input {...props} name="class" label={w.class}>
        {(tied, value) => (
          <select
            {...tied}
            name="class"
            value={value}
            onChange={(event) => props.change('class', event.currentTarget.value)}
          >
            {CLASSES.map((name) => (
              <option key={name} value={name}>
                {classes[name]}
              </option>
            ))}
          </select>
        )}
      </Input>
      <Mark {...props} name="mobile" label={w.mobile} />
      {isMobile ? null : (
        <>
          <Text {...props} name="latitude" label={w.latitude} />
          <Text {...props} name="longitude" label={w.longitude} />
        </>
      )}
      <Text {...props} name="retention" label={w.retention} hint={w.retentionHint} type="number" />
      <Input {...props} name="transducers" label={w.transducers} hint={w.transducersHint}>
        {(tied, value) => (
          <textarea
            {...tied}
            name="transducers"
            class="mono"
            rows={3}
            value={value}
            onInput={(event) => props.change('transducers', event.currentTarget.value)}
          />
        )}
      </Input>
    </>
  );
}
