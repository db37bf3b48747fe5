// What the viewer should know before believing the map.

import { session } from '../identity/session';
import { explain } from '../identity/trouble';
import { words as doorWords } from '../identity/words';
import { Icon } from '../parts/icon';
import { Notice } from '../parts/notice';
import type { Desk } from './state';
import { words } from './words';

/** Notices above the map. */
export function Notices({ desk }: { desk: Desk }) {
  const link = desk.feed.link.value;
  return (
    <>
      {link.state === 'connecting' ? <Lost desk={desk} /> : null}
      <Refused desk={desk} />
      <Unopened desk={desk} />
      {link.state === 'connected' ? <Empty desk={desk} /> : null}
    </>
  );
}

function Lost({ desk }: { desk: Desk }) {
  const w = words();
  const { fault } = desk.feed.link.value;
  const trouble = fault === undefined ? undefined : explain(fault);
  return (
    <Notice weight="warn" title={w.lostTitle} live>
      {w.lostText}
      {trouble === undefined ? null : <span class="dim"> {trouble.title}.</span>}
    </Notice>
  );
}

function Refused({ desk }: { desk: Desk }) {
  const w = words();
  desk.pulse.value;
  const all = [...desk.feed.fleet.refused];
  const total = all.reduce((sum, [, { count }]) => sum + count, 0);
  if (total === 0) return null;
  return (
    <Notice weight="bad" title={w.refusedTitle(total)} live>
      <p>{w.refusedText}</p>
      <ul class="reasons">
        {all.map(([reason, { count, topic }]) => (
          <li key={reason}>
            {count} × {w.refusedReason[reason] ?? reason}
            {topic === undefined ? null : <span class="mono"> {topic}</span>}
          </li>
        ))}
      </ul>
    </Notice>
  );
}

function Unopened({ desk }: { desk: Desk }) {
  const w = words();
  desk.pulse.value;
  return (
    <>
      {[...desk.feed.fleet.unopened].map(([fault, { count, detail, topic }]) =>
        fault === 'no-key' ? (
          <Notice key={fault} title={w.unopenedTitle(count)}>
            {w.unopenedText} <span class="mono">{topic}</span>
          </Notice>
        ) : (
          <Notice key={fault} weight="warn" title={w.unusableTitle(count)}>
            {w.unusableText}{' '}
            {topic === undefined ? null : (
              <span class="mono">
                {topic}: {detail}
              </span>
            )}
          </Notice>
        ),
      )}
    </>
  );
}

/** Nothing to see: no right, or nothing published. */
function Empty({ desk }: { desk: Desk }) {
  const w = words();
  desk.pulse.value;
  const filters = desk.feed.filters.value;
  const denied = desk.feed.denied.value;
  const { fleet, live } = desk.feed;
  if (filters === undefined || fleet.devices.size > 0) return null;
  if (desk.feed.isTakenBack.value) return <TakenBack />;
  if (filters.length === 0) return <Notice title={w.nothingTitle}>{w.nothingText}</Notice>;
  if (live.value === 0 || fleet.unopened.size > 0) return null;
  return (
    <Notice title={w.noneYetTitle}>
      <p>
        {w.noneYetText} <span class="mono">{filters.join(', ')}</span>
      </p>
      {denied.length === 0 ? null : (
        <p>
          {w.deniedText} <span class="mono">{denied.join(', ')}</span>
        </p>
      )}
    </Notice>
  );
}

/** Everything that was to be seen is not to be seen any more; it may be again. */
function TakenBack() {
  const w = words();
  const { title, text } = explain({ name: 'not-permitted', message: '' });
  return (
    <Notice weight="bad" title={title} urgent>
      {text} {w.takenBackText}
    </Notice>
  );
}

/** In place of everything, when the viewer may see nothing any more. */
export function Blank({ desk }: { desk: Desk }) {
  const w = words();
  const d = doorWords();
  const { fault } = desk.feed.link.value;
  const trouble = explain(fault ?? { name: 'Error', message: w.ended });
  return (
    <main class="blank">
      <div class="door-card" role="alert">
        <span class="blank-icon">
          <Icon name="bad" size={40} />
        </span>
        <h2>{trouble.title}</h2>
        <p>{trouble.text}</p>
        {fault?.why === undefined ? null : (
          <p class="field-hint">
            {d.nodeSays}: <span class="mono">{fault.why}</span>
          </p>
        )}
        <div class="row">
          <button type="button" class="button" onClick={() => location.reload()}>
            {w.again}
          </button>
          <button type="button" class="button button-danger" onClick={() => void session.leave()}>
            {d.logOutConfirm}
          </button>
        </div>
      </div>
    </main>
  );
}
