// A field of a message that may be missing.

/** The field, where it has a value; nothing otherwise. */
export function present<K extends string, V>(field: K, value: V | undefined): { [P in K]?: V } {
  return value === undefined ? {} : ({ [field]: value } as { [P in K]?: V });
}
