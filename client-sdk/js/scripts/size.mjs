// How large the client is for a browser: everything that it exports, bundled, minified and compressed. Prints what
// is loaded at once and what is loaded when it is needed, and fails where the former is above the limit.

import { gzipSync } from 'node:zlib';
import { build } from 'esbuild';

/** What a page may be made to load at once, bytes. */
const LIMIT = 60_000;

const { outputFiles, metafile } = await build({
  stdin: { contents: "export * from './src/index.ts';", resolveDir: new URL('..', import.meta.url).pathname },
  bundle: true,
  format: 'esm',
  platform: 'browser',
  target: 'es2022',
  minify: true,
  splitting: true,
  outdir: '/unwritten',
  metafile: true,
  write: false,
});

const compressed = new Map(
  outputFiles.map(({ path, contents }) => [path.split('/').pop(), gzipSync(contents, { level: 9 }).length]),
);
const outputs = new Map(
  Object.entries(metafile.outputs).map(([path, output]) => [path.split('/').pop(), output]),
);

/** The entry and what it imports as soon as it is loaded. */
const atOnce = new Set(['stdin.js']);
for (const name of atOnce) {
  for (const { path, kind } of outputs.get(name)?.imports ?? []) {
    if (kind === 'import-statement') {
      atOnce.add(path.split('/').pop());
    }
  }
}
const sum = (names) => names.reduce((total, name) => total + (compressed.get(name) ?? 0), 0);
const total = sum([...atOnce]);
const later = sum([...compressed.keys()].filter((name) => !atOnce.has(name)));
const kilobytes = (size) => `${(size / 1000).toFixed(1)} kB`;
process.stdout.write(
  `@sekisho/client in a browser, compressed: ${kilobytes(total)} of ${kilobytes(LIMIT)} at once, ` +
    `${kilobytes(later)} when it is needed\n`,
);
if (process.argv.includes('--parts')) {
  const first = [...atOnce].flatMap((name) => Object.entries(outputs.get(name)?.inputs ?? {}));
  const inputs = [...first];
  inputs.sort(([, one], [, other]) => other.bytesInOutput - one.bytesInOutput);
  for (const [path, { bytesInOutput }] of inputs.slice(0, 40)) {
    process.stdout.write(`${String(bytesInOutput).padStart(8)} ${path}\n`);
  }
}
if (total > LIMIT) {
  process.stderr.write(`size: wanted at most ${LIMIT} bytes, found ${total}\n`);
  process.exitCode = 1;
}
