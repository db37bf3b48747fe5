// A word about the state of something.

import type { ComponentChildren } from 'preact';
import { Icon, type IconName } from './icon';

/** A badge; its colour never says anything that its text does not. */
export function Badge(props: {
  tone?: 'good' | 'warn' | 'bad' | undefined;
  icon?: IconName | undefined;
  title?: string | undefined;
  children: ComponentChildren;
}) {
  return (
    <span class={`badge${props.tone === undefined ? '' : ` badge-${props.tone}`}`} title={props.title}>
      {props.icon === undefined ? null : <Icon name={props.icon} size={14} />}
      {props.children}
    </span>
  );
}
