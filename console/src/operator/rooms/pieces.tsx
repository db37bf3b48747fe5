// What rooms are furnished with: headings, tabs, faults, times and names as they stand in tables.

import { Refusal } from '@sekisho/client';
import { type Action, fingerprint } from '@sekisho/client/preview';
import type { ComponentChildren } from 'preact';
import { now } from '../../identity/node';
import { explain } from '../../identity/trouble';
import { Notice } from '../../parts/notice';
import { ago, dateTime } from '../../words/format';
import { iso } from '../../words/iso';
import type { Answer } from '../asking';
import { linkTo, type Room } from '../route';
import { enrolmentWords } from '../words/enrolment';
import { actionWords, common } from '../words/shared';

/** A room's heading and what it is for. */
export function RoomHead(props: { title: string; intro?: string; children?: ComponentChildren }) {
  return (
    <div class="room-head">
      <div class="stack">
        <h2 id="room-title" tabIndex={-1}>
          {props.title}
        </h2>
        {props.intro === undefined ? null : <p class="dim">{props.intro}</p>}
      </div>
      {props.children}
    </div>
  );
}

/** One part of a room. */
export function Part(props: { title: string; intro?: string; children?: ComponentChildren }) {
  return (
    <section class="part panel">
      <h3>{props.title}</h3>
      {props.intro === undefined ? null : <p class="dim">{props.intro}</p>}
      {props.children}
    </section>
  );
}

/** The parts of a room to choose from; each is a link, so that it can be sent to somebody. */
export function Parts(props: { room: Room; present: string; parts: { name: string; title: string }[] }) {
  return (
    <nav class="parts" aria-label={props.parts.map((part) => part.title).join(', ')}>
      {props.parts.map((part) => (
        <a
          key={part.name}
          class="button button-small"
          href={linkTo(props.room, part.name)}
          aria-current={part.name === props.present ? 'page' : undefined}
        >
          {part.title}
        </a>
      ))}
    </nav>
  );
}

/** What went wrong: in plain words, and below it the thing, what was wanted, and what was found. */
export function Fault(props: { fault: unknown; title?: string | undefined }) {
  const { fault } = props;
  const error = fault instanceof Error ? fault : new Error(String(fault));
  const { text, title } = told(error);
  return (
    <div role="alert">
      <Notice weight="bad" title={props.title ?? title}>
        {text === '' ? null : <p>{text}</p>}
        <p class="mono fault-words">{error.message}</p>
      </Notice>
    </div>
  );
}

/** Refusals here are about what was asked, not about the session, as the pages' own words would have it. */
function told(error: Error): { title: string; text: string } {
  const c = common();
  // An errand that was not answered in time: it may have been done all the same.
  if (error.name === 'expired') return { title: enrolmentWords().unknownOutcome, text: '' };
  if (error instanceof Refusal) return { title: c.refusedBy(error.name), text: '' };
  const isAboutThis = error.name === 'ParseError' || error.name === 'DecodeError';
  if (isAboutThis) return { title: c.wrongField, text: '' };
  const { title, text } = explain(error);
  return { title, text: text === error.message ? '' : text };
}

/** What was answered; a word while it is asked, and why there is nothing. */
export function Answered<T>(props: { answer: Answer<T>; children: (value: T) => ComponentChildren }) {
  const { answer } = props;
  return (
    <>
      {answer.fault === undefined ? null : <Fault fault={answer.fault} />}
      {answer.value !== undefined ? (
        props.children(answer.value)
      ) : answer.isAsking ? (
        <Asking text={common().asking} />
      ) : null}
    </>
  );
}

/** Something takes a moment. */
export function Asking(props: { text: string }) {
  return (
    <p class="row" role="status">
      <span class="spinner" aria-hidden="true" />
      {props.text}
    </p>
  );
}

/** A time, how long ago it was, and exactly when. */
export function When(props: { time: number | undefined }) {
  if (props.time === undefined) return <span class="dim">–</span>;
  return (
    <time dateTime={iso(props.time)} title={iso(props.time)}>
      {ago(now() - props.time)}
    </time>
  );
}

/** A date and time. */
export function At(props: { time: number | undefined; without?: string }) {
  if (props.time === undefined) return <span class="dim">{props.without ?? '–'}</span>;
  return (
    <time dateTime={iso(props.time)} title={iso(props.time)}>
      {dateTime(props.time)}
    </time>
  );
}

/** A principal, as the way to everything that it may. */
export function Name(props: { name: string }) {
  if (!props.name.includes('@') || props.name.startsWith('*') || props.name.startsWith('role/')) {
    return <span class="mono">{props.name}</span>;
  }
  return (
    <a class="mono" href={linkTo('rights', 'ask', { what: props.name })}>
      {props.name}
    </a>
  );
}

/** A key, as people compare it. */
export function KeyText(props: { id: string }) {
  return (
    <span class="mono" title={props.id}>
      {fingerprint(props.id)}
    </span>
  );
}

/** Actions in words. */
export function Actions(props: { actions: readonly string[] }) {
  const w = actionWords();
  return <>{props.actions.map((action) => w[action as Action] ?? action).join(', ')}</>;
}

/** Facts in pairs. */
export function Facts(props: { facts: (readonly [string, ComponentChildren] | undefined)[] }) {
  return (
    <dl class="facts">
      {props.facts.map((fact) =>
        fact === undefined ? null : (
          <>
            <dt>{fact[0]}</dt>
            <dd>{fact[1]}</dd>
          </>
        ),
      )}
    </dl>
  );
}

/** A figure that is looked at more often than read. */
export function Figure(props: { title: string; value: string; href?: string }) {
  const inside = (
    <>
      <span class="figure-title">{props.title}</span>
      <span class="figure-value">{props.value}</span>
    </>
  );
  return props.href === undefined ? (
    <div class="figure">{inside}</div>
  ) : (
    <a class="figure" href={props.href}>
      {inside}
    </a>
  );
}
