// Something the reader should know, with what to do about it.

import type { ComponentChildren } from 'preact';
import { Icon } from './icon';

/** How much it matters. */
export type Weight = 'info' | 'warn' | 'bad';

/** A notice. What comes by itself is `live`: screen readers say it when they are done, and what is `urgent` at once. */
export function Notice(props: {
  weight?: Weight;
  title: string;
  live?: boolean;
  urgent?: boolean;
  children?: ComponentChildren;
}) {
  const weight = props.weight ?? 'info';
  const role = props.urgent === true ? 'alert' : props.live === true ? 'status' : undefined;
  return (
    <div class={`notice notice-${weight}`} role={role}>
      <Icon name={weight} />
      <p class="notice-title">{props.title}</p>
      {props.children === undefined ? null : <div class="notice-body">{props.children}</div>}
    </div>
  );
}
