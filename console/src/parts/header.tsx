// The bar at the top of both pages.

import type { ComponentChildren } from 'preact';
import { Mark } from './icon';
import { LanguagePicker, ThemePicker } from './pickers';

/** Name of the page and its organisation, ways to other parts, and what belongs at the right. */
export function Header(props: {
  title: string;
  sub?: string | undefined;
  nav?: ComponentChildren;
  children?: ComponentChildren;
}) {
  return (
    <header class="header">
      <div class="header-brand">
        <Mark />
        <h1 class="header-brand">{props.title}</h1>
        {props.sub === undefined ? null : <span class="header-sub">{props.sub}</span>}
      </div>
      {props.nav}
      <div class="header-right">
        {props.children}
        <LanguagePicker />
        <ThemePicker />
      </div>
    </header>
  );
}
