// Units as people write them. Streams name units in UCUM, which is made for machines.

const KNOWN: Record<string, string> = {
  '1': '',
  '%': '%',
  Cel: '°C',
  '[degF]': '°F',
  K: 'K',
  deg: '°',
  'ug/m3': 'µg/m³',
  'mg/m3': 'mg/m³',
  'g/m3': 'g/m³',
  '[ppm]': 'ppm',
  '[ppb]': 'ppb',
  'm/s2': 'm/s²',
  m2: 'm²',
  m3: 'm³',
  'deg/s': '°/s',
  uT: 'µT',
  us: 'µs',
  'dB[SPL]': 'dB',
  'W/m2': 'W/m²',
  lx: 'lx',
};

/** A UCUM unit as it is shown: `ug/m3` as `µg/m³`. Annotations (`{index}`) lose their braces. */
export function unit(ucum: string): string {
  return (Object.hasOwn(KNOWN, ucum) ? KNOWN[ucum] : undefined) ?? ucum.replace(/^\{(.*)\}$/, '$1');
}

/** A number's text with its unit behind it. */
export function withUnit(text: string, ucum: string): string {
  const shown = unit(ucum);
  if (shown === '') return text;
  return shown === '°' || shown === '%' ? `${text}${shown}` : `${text} ${shown}`;
}
