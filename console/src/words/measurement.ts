// Names of what sensors commonly measure, for streams whose owner gave none.

import { catalogue } from './catalogue';

const en = {
  pm1: 'PM1',
  pm2_5: 'PM2.5',
  pm10: 'PM10',
  temperature: 'Temperature',
  humidity: 'Humidity',
  pressure: 'Pressure',
  noise: 'Noise',
  no2: 'Nitrogen dioxide (NO₂)',
  o3: 'Ozone (O₃)',
  co2: 'Carbon dioxide (CO₂)',
  co: 'Carbon monoxide (CO)',
  voc: 'Volatile organic compounds',
  uv: 'UV index',
  illuminance: 'Brightness',
  speed: 'Speed',
  course: 'Course',
  altitude: 'Altitude',
  satellites: 'Satellites',
  battery: 'Battery',
};

const es: typeof en = {
  pm1: 'PM1',
  pm2_5: 'PM2,5',
  pm10: 'PM10',
  temperature: 'Temperatura',
  humidity: 'Humedad',
  pressure: 'Presión',
  noise: 'Ruido',
  no2: 'Dióxido de nitrógeno (NO₂)',
  o3: 'Ozono (O₃)',
  co2: 'Dióxido de carbono (CO₂)',
  co: 'Monóxido de carbono (CO)',
  voc: 'Compuestos orgánicos volátiles',
  uv: 'Índice UV',
  illuminance: 'Luminosidad',
  speed: 'Velocidad',
  course: 'Rumbo',
  altitude: 'Altitud',
  satellites: 'Satélites',
  battery: 'Batería',
};

const ja: typeof en = {
  pm1: 'PM1',
  pm2_5: 'PM2.5',
  pm10: 'PM10',
  temperature: '気温',
  humidity: '湿度',
  pressure: '気圧',
  noise: '騒音',
  no2: '二酸化窒素（NO₂）',
  o3: 'オゾン（O₃）',
  co2: '二酸化炭素（CO₂）',
  co: '一酸化炭素（CO）',
  voc: '揮発性有機化合物',
  uv: 'UV 指数',
  illuminance: '明るさ',
  speed: '速度',
  course: '進行方向',
  altitude: '標高',
  satellites: '衛星数',
  battery: '電池',
};

const words = catalogue({ en, es, ja });

/** A measurement's common name in the present language, or its own name where it has none. */
export function measurement(name: string): string {
  const all = words();
  return Object.hasOwn(all, name) ? all[name as keyof typeof en] : name;
}
