// Which language a page speaks: the reader's choice, else the browser's, else English.

import { effect, signal } from '@preact/signals';

/** A language that the pages speak. */
export type Language = 'en' | 'es' | 'ja';

/** All of them by their own names. */
export const LANGUAGES: readonly { code: Language; name: string }[] = [
  { code: 'en', name: 'English' },
  { code: 'es', name: 'Español' },
  { code: 'ja', name: '日本語' },
];

const KEPT_AS = 'sekisho.language';

/** The first language of a list of preferences (`es-419`, `ja`) that the pages speak. */
export function chooseLanguage(preferences: readonly (string | null)[]): Language {
  for (const preference of preferences) {
    const wanted = preference?.toLowerCase().split('-')[0];
    const found = LANGUAGES.find(({ code }) => code === wanted);
    if (found !== undefined) return found.code;
  }
  return 'en';
}

function remembered(): string | null {
  try {
    return globalThis.localStorage?.getItem(KEPT_AS) ?? null;
  } catch {
    return null; // Storage may be forbidden; then the choice lasts as long as the page.
  }
}

/** The present language. */
export const language = signal<Language>(
  chooseLanguage([remembered(), ...(globalThis.navigator?.languages ?? [])]),
);

/** Changes the language and remembers it in this browser. */
export function speak(code: Language): void {
  language.value = code;
  try {
    globalThis.localStorage?.setItem(KEPT_AS, code);
  } catch {
    // See above.
  }
}

if (typeof document !== 'undefined') {
  effect(() => {
    document.documentElement.lang = language.value;
  });
}
