// Words of one part of a page in every language; a key that is missing in one does not compile.

import { language } from './language';

/** The type of a catalogue's translations: the same keys, any texts. */
export type Translated<T> = {
  [K in keyof T]: T[K] extends string ? string : T[K];
};

/**
 * A catalogue of texts, functions that make texts, and tables of texts. The function it returns
 * gives the words of the present language, and has a component that calls it drawn again when the
 * language changes.
 */
export function catalogue<T>(all: {
  en: T;
  es: NoInfer<Translated<T>>;
  ja: NoInfer<Translated<T>>;
}): () => Translated<T> {
  return () => all[language.value] as Translated<T>;
}
