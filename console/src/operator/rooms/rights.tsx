// The room of rights: who may do what, and why.

import type { Desk } from '../desk';
import { place } from '../state';
import { rightsWords } from '../words/rights';
import { common } from '../words/shared';
import { Ask } from './ask';
import { Grants } from './grants';
import { Matrix } from './matrix';
import { Parts, RoomHead } from './pieces';
import { Principals } from './principals';
import { Roles } from './roles';

const PARTS = ['matrix', 'ask', 'principals', 'roles', 'grants'] as const;

/** The room. Somebody who may not administer is shown what needs no right alone. */
export function Rights(props: { desk: Desk; isGuest: boolean }) {
  const [w, c] = [rightsWords(), common()];
  const shown = props.isGuest ? PARTS.filter((part) => part !== 'matrix') : PARTS;
  const part = shown.find((one) => one === place.value.part) ?? shown[0] ?? 'ask';
  const parts = shown.map((name) => ({ name, title: w[name] }));
  return (
    <>
      <RoomHead title={c.rights} />
      <Parts room="rights" present={part} parts={parts} />
      {part === 'matrix' ? <Matrix desk={props.desk} /> : null}
      {part === 'ask' ? <Ask desk={props.desk} isGuest={props.isGuest} /> : null}
      {part === 'principals' ? <Principals /> : null}
      {part === 'roles' ? <Roles /> : null}
      {part === 'grants' ? <Grants /> : null}
    </>
  );
}
