// Text that people take elsewhere: a fingerprint, a token, a command.

import { useEffect, useState } from 'preact/hooks';
import { catalogue } from '../words/catalogue';

const words = catalogue({
  en: { copy: 'Copy', copied: 'Copied', failed: 'Not copied: select the text instead' },
  es: { copy: 'Copiar', copied: 'Copiado', failed: 'No se pudo copiar: seleccione el texto' },
  ja: { copy: 'コピー', copied: 'コピーしました', failed: 'コピーできません。文字を選択してください' },
});

const SAID_MS = 2_000;

/** A button that copies a text. `label` says what, for those who do not see it. */
export function Copy(props: { text: string; label: string }) {
  const w = words();
  const [said, say] = useState<string>();
  useEffect(() => {
    if (said === undefined) return;
    const timer = setTimeout(() => say(undefined), SAID_MS);
    return () => clearTimeout(timer);
  }, [said]);
  const copy = () => {
    // Without a secure context there is no clipboard; the text is there to be selected.
    const writing = navigator.clipboard?.writeText(props.text) ?? Promise.reject(new Error('no clipboard'));
    writing.then(
      () => say(w.copied),
      () => say(w.failed),
    );
  };
  return (
    <button
      type="button"
      class="button button-small copy"
      onClick={copy}
      aria-label={`${w.copy}: ${props.label}`}
    >
      <span aria-live="polite">{said ?? w.copy}</span>
    </button>
  );
}

/** A line of the command line that does the same, to be copied. */
export function Command(props: { line: string; title: string }) {
  return (
    <div class="command">
      <span class="command-title">{props.title}</span>
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: a line that is longer than its box is scrolled by keyboard */}
      <code class="command-line" tabIndex={0}>
        {props.line}
      </code>
      <Copy text={props.line} label={props.title} />
    </div>
  );
}
