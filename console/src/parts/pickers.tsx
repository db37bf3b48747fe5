// The two choices that every page offers: its language, and light or dark.

import { effect, signal } from '@preact/signals';
import { catalogue } from '../words/catalogue';
import { LANGUAGES, language, speak } from '../words/language';

const words = catalogue({
  en: { language: 'Language', theme: 'Appearance', auto: 'As the system', light: 'Light', dark: 'Dark' },
  es: { language: 'Idioma', theme: 'Apariencia', auto: 'Como el sistema', light: 'Claro', dark: 'Oscuro' },
  ja: { language: '言語', theme: '外観', auto: 'システムに合わせる', light: 'ライト', dark: 'ダーク' },
});

/** Light, dark, or as the system is. */
export type Theme = 'auto' | 'light' | 'dark';

const KEPT_AS = 'sekisho.theme';

function remembered(): Theme {
  try {
    const found = localStorage.getItem(KEPT_AS);
    return found === 'light' || found === 'dark' ? found : 'auto';
  } catch {
    return 'auto'; // Storage may be forbidden.
  }
}

/** The reader's choice. */
export const theme = signal<Theme>(typeof document === 'undefined' ? 'auto' : remembered());

/** Counts up whenever colours change, for what draws with them on a canvas. */
export const coloursChanged = signal(0);

if (typeof document !== 'undefined') {
  effect(() => {
    if (theme.value === 'auto') delete document.documentElement.dataset.theme;
    else document.documentElement.dataset.theme = theme.value;
    coloursChanged.value = coloursChanged.peek() + 1;
  });
  matchMedia('(prefers-color-scheme: dark)').addEventListener('change', () => {
    coloursChanged.value += 1;
  });
}

function choose(chosen: string): void {
  theme.value = chosen === 'light' || chosen === 'dark' ? chosen : 'auto';
  try {
    localStorage.setItem(KEPT_AS, theme.value);
  } catch {
    // See above.
  }
}

/** Chooses the language. */
export function LanguagePicker() {
  const w = words();
  return (
    <select
      class="picker"
      aria-label={w.language}
      value={language.value}
      onChange={(event) => {
        const found = LANGUAGES.find(({ code }) => code === event.currentTarget.value);
        if (found !== undefined) speak(found.code);
      }}
    >
      {LANGUAGES.map(({ code, name }) => (
        <option key={code} value={code} lang={code}>
          {name}
        </option>
      ))}
    </select>
  );
}

/** Chooses light or dark. */
export function ThemePicker() {
  const w = words();
  return (
    <select
      class="picker"
      aria-label={w.theme}
      value={theme.value}
      onChange={(event) => choose(event.currentTarget.value)}
    >
      <option value="auto">{w.auto}</option>
      <option value="light">{w.light}</option>
      <option value="dark">{w.dark}</option>
    </select>
  );
}
