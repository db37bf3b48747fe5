// The documents in which a node answers questions for people: JSON, of whose shape nothing is taken for
// granted.

import { ParseError } from './decode_error.js';

/** Any JSON. */
export type Json = null | boolean | number | string | readonly Json[] | { readonly [key: string]: Json };

/** A part of such a document. */
export class Document {
  private constructor(
    readonly json: Json,
    private readonly place: string,
  ) {}

  /** @throws ParseError where it is no JSON */
  static parse(text: string): Document {
    try {
      return new Document(JSON.parse(text) as Json, 'answer');
    } catch {
      throw new ParseError('answer', 'JSON', `${text.length} characters of something else`);
    }
  }

  /** The entries of a list; of what is none, nothing. */
  items(): Document[] {
    return Array.isArray(this.json)
      ? this.json.map((item: Json, index) => new Document(item, `${this.place}[${index}]`))
      : [];
  }

  /** A member that may be missing. */
  optional(key: string): Document | undefined {
    const { json } = this;
    if (json === null || typeof json !== 'object' || Array.isArray(json)) {
      return undefined;
    }
    const member = (json as { readonly [key: string]: Json })[key];
    return member === undefined || member === null ? undefined : new Document(member, `${this.place}.${key}`);
  }

  text(key: string): string | undefined {
    const member = this.optional(key)?.json;
    return typeof member === 'string' ? member : undefined;
  }

  number(key: string): number | undefined {
    const member = this.optional(key)?.json;
    return typeof member === 'number' ? member : undefined;
  }

  flag(key: string): boolean {
    return this.optional(key)?.json === true;
  }
}
