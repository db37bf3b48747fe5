// Who the viewer is, and the way out.

import { useState } from 'preact/hooks';
import { Dialog } from '../parts/dialog';
import { Icon } from '../parts/icon';
import { session } from './session';
import { words } from './words';

/** The header's button with the viewer's name; behind it, the facts and logging out. */
export function WhoAmI() {
  const w = words();
  const [shown, setShown] = useState<'nothing' | 'facts' | 'leaving'>('nothing');
  const profile = session.profile.value;
  if (profile === undefined) return null;
  const close = () => setShown('nothing');
  return (
    <>
      <button
        type="button"
        class="button button-small"
        aria-haspopup="dialog"
        onClick={() => setShown('facts')}
      >
        <Icon name="person" />
        <span class="sr-only">{w.who}: </span>
        <span class="who-name">{profile.principal}</span>
      </button>
      <Dialog open={shown === 'facts'} title={w.who} onClose={close}>
        <dl class="facts">
          <dt>{w.you}</dt>
          <dd>
            <b>{profile.principal}</b>
          </dd>
          <dt>{w.fingerprint}</dt>
          <dd class="mono">{session.fingerprint.value}</dd>
          <dt>{w.root}</dt>
          <dd class="mono">{profile.root}</dd>
          <dt>{w.nodeKey}</dt>
          <dd class="mono">{profile.nodeKey}</dd>
        </dl>
        <p class="field-hint">{w.keysStay}</p>
        <div class="row">
          <button type="button" class="button" onClick={() => setShown('leaving')}>
            {w.logOut}
          </button>
        </div>
      </Dialog>
      <Dialog open={shown === 'leaving'} title={w.logOutTitle} onClose={close}>
        <p>{w.logOutText}</p>
        <div class="row">
          <button type="button" class="button button-danger" onClick={() => void session.leave()}>
            {w.logOutConfirm}
          </button>
          <button type="button" class="button" onClick={close}>
            {w.keep}
          </button>
        </div>
      </Dialog>
    </>
  );
}
