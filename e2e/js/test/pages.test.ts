// The node's pages: what is served and with which rules, and everything that must not be.

import { existsSync } from 'node:fs';
import { type IncomingHttpHeaders, request } from 'node:http';
import { connect } from 'node:net';

import { afterAll, beforeAll, describe, expect, test } from 'vitest';

import { City, closeBrowser, openPage, ROOT, watch, within } from '../src/index.js';

/** What was answered. */
interface Answer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
}

interface Asked {
  readonly method?: string;
  readonly headers?: Readonly<Record<string, string>>;
}

const PAGES = ['/', '/console'] as const;
const HTML = { accept: 'text/html,*/*;q=0.8' };

let city: City;

beforeAll(async () => {
  const built = existsSync(`${ROOT}console/dist/index.html`);
  expect(built, 'the pages are tested as they are built: npm run build').toBe(true);
  city = await City.found('fujisawa', { web: true });
});

afterAll(async () => {
  await closeBrowser();
  await city?.[Symbol.asyncDispose]();
});

/** Asks for a path as it is written, which neither `fetch` nor a browser does. */
function ask(path: string, asked: Asked = {}): Promise<Answer> {
  const { hostname, port } = new URL(city.web);
  const answered = new Promise<Answer>((told, failed) => {
    const options = { hostname, port, path, method: asked.method ?? 'GET', headers: asked.headers ?? {} };
    const asking = request({ ...options, agent: false }, (response) => {
      let body = '';
      response.setEncoding('utf8').on('data', (text: string) => {
        body += text;
      });
      response.on('end', () => told({ status: response.statusCode ?? 0, headers: response.headers, body }));
    });
    asking.on('error', failed);
    asking.end();
  });
  return within(`an answer to ${path}`, answered);
}

/** Says bytes, and hears everything until the node hangs up. */
function say(bytes: string): Promise<string> {
  const { hostname, port } = new URL(city.web);
  const heard = new Promise<string>((told) => {
    let text = '';
    const socket = connect(Number(port), hostname, () => socket.write(bytes, 'latin1'));
    socket.setEncoding('latin1').on('data', (more: string) => {
      text += more;
    });
    // A node that has hung up does not take the rest.
    socket.on('error', () => undefined);
    socket.on('close', () => told(text));
  });
  return within('the end of a connection', heard);
}

/** The first file of the page whose name has a hash. */
async function hashed(): Promise<string> {
  const { body } = await ask('/');
  const found = /"(\/assets\/[^"]+\.js)"/.exec(body)?.[1];
  expect(found).toBeDefined();
  return found ?? '';
}

describe('what is served', () => {
  test('both pages come with rules that let nothing else in', async () => {
    for (const path of PAGES) {
      const { status, headers, body } = await ask(path, { headers: HTML });
      expect(status).toBe(200);
      expect(headers['content-type']).toBe('text/html; charset=utf-8');
      expect(body).toContain('<script type="module"');
      const rules = headers['content-security-policy'];
      for (const rule of [
        "default-src 'self'",
        "connect-src 'self' ws: wss:",
        "img-src 'self' data: blob:",
        "style-src 'self'",
        "script-src 'self'",
        "worker-src 'self'",
        "frame-ancestors 'none'",
        "base-uri 'none'",
        "form-action 'none'",
      ]) {
        expect(`${rules};`).toContain(`${rule};`);
      }
      expect(headers['x-content-type-options']).toBe('nosniff');
      expect(headers['referrer-policy']).toBe('no-referrer');
      expect(headers['cross-origin-opener-policy']).toBe('same-origin');
      expect(headers['cache-control']).toBe('no-cache');
    }
  });

  test('the pages have no script and no style of their own within them', async () => {
    for (const path of PAGES) {
      const { body } = await ask(path);
      expect(body).not.toMatch(/<style|\sstyle=|\son[a-z]+=|<script(?![^>]*\ssrc=)/i);
    }
  });

  test('a file with a hash in its name is kept for ever, and a page is asked about', async () => {
    const file = await ask(await hashed());
    expect(file.status).toBe(200);
    expect(file.headers['cache-control']).toBe('public, max-age=31536000, immutable');
    expect(file.headers['content-type']).toBe('text/javascript; charset=utf-8');
    for (const path of PAGES) {
      const { etag } = (await ask(path)).headers;
      const again = await ask(path, { headers: { 'if-none-match': `"other", ${etag}` } });
      expect([again.status, again.body]).toEqual([304, '']);
      const other = await ask(path, { headers: { 'if-none-match': '"other"' } });
      expect(other.status).toBe(200);
    }
  });

  test('HEAD tells what GET would, and gives nothing', async () => {
    for (const path of [...PAGES, await hashed(), '/nowhere']) {
      const [head, get] = [
        await ask(path, { method: 'HEAD', headers: HTML }),
        await ask(path, { headers: HTML }),
      ];
      expect([head.status, head.body]).toEqual([get.status, '']);
      for (const name of ['content-length', 'content-type', 'etag', 'content-security-policy']) {
        expect(head.headers[name]).toBe(get.headers[name]);
      }
    }
  });

  test('whose node it is, is told to anybody', async () => {
    const { status, headers, body } = await ask('/v1/node');
    expect([status, headers['content-type'], headers['cache-control']]).toEqual([
      200,
      'application/json',
      'no-store',
    ]);
    const node = JSON.parse(body) as Record<string, string>;
    expect(Object.keys(node).sort()).toEqual(['node_key', 'organisation', 'root', 'software', 'time']);
    expect(node.organisation).toBe('fujisawa');
    expect(city.administrator().profile).toContain(`root = "${node.root}"`);
    expect(city.administrator().profile).toContain(`node_key = "${node.node_key}"`);
    expect(Math.abs(Date.parse(node.time ?? '') - Date.now())).toBeLessThan(60_000);
  });

  test('where nothing is, a person is told so in a page and a program in a problem', async () => {
    const page = await ask('/nowhere', { headers: HTML });
    expect([page.status, page.headers['content-type']]).toEqual([404, 'text/html; charset=utf-8']);
    expect(page.headers['content-security-policy']).toContain("script-src 'self'");
    for (const [path, headers] of [
      ['/nowhere', {}],
      ['/v1/nowhere', HTML],
      ['/v1.1/Nowhere', HTML],
      ['/sekisho.v1.Sekisho/Nowhere', HTML],
    ] as const) {
      const problem = await ask(path, { headers });
      expect([path, problem.headers['content-type']]).toEqual([path, 'application/problem+json']);
      expect(problem.status).toBeGreaterThanOrEqual(400);
    }
  });
});

describe('what is not served', () => {
  test('no path leads out of the pages', async () => {
    for (const path of [
      '/../Cargo.toml',
      '/assets/../../package.json',
      '/..%2f..%2fpackage.json',
      '/%2e%2e/package.json',
      '/assets/%2e%2e/%2e%2e/package.json',
      '/assets%2f..%2findex.html',
      '/..\\package.json',
      '//etc/passwd',
      '/etc/passwd',
      '/./index.html',
      '/assets//',
      '/assets/',
      '/assets',
      '/.vite/manifest.json',
      '/index.html%00.js',
      '/index.html/',
      '/console/',
      '/%',
      '/%zz',
    ]) {
      const { status, body } = await ask(path, { headers: HTML });
      expect([path, status]).toEqual([path, 404]);
      expect(body).not.toMatch(/root:|"workspaces"|\[workspace\]/);
    }
  });

  test('a page is read and nothing else', async () => {
    for (const method of ['POST', 'PUT', 'DELETE', 'PATCH', 'OPTIONS', 'TRACE', 'PROPFIND', 'MKCOL']) {
      const { status, headers, body } = await ask('/', { method });
      expect([method, status]).toEqual([method, 405]);
      expect(headers.allow).toBe('GET, HEAD');
      expect(headers['content-type']).toBe('application/problem+json');
      expect(body).not.toContain('<script');
    }
  });

  test('pages of others are told nothing, and names that lead here by a trick neither', async () => {
    const own = new URL(city.web).host;
    for (const headers of [
      { origin: 'https://evil.example' },
      { origin: 'null' },
      { origin: `https://${own}` },
      { host: 'evil.example', origin: 'http://evil.example' },
      { host: 'evil.example' },
      { host: `${own}.evil.example` },
    ]) {
      for (const path of ['/', '/v1/node', '/v1/session', await hashed()]) {
        const answer = await ask(path, { headers });
        expect([path, headers, answer.status]).toEqual([path, headers, 403]);
        expect(answer.headers['access-control-allow-origin']).toBeUndefined();
      }
    }
    const answer = await ask('/v1/node', { headers: { origin: city.web } });
    expect(answer.status).toBe(200);
  });

  test('a request whose end is told in two ways is answered once, if at all', async () => {
    const { host } = new URL(city.web);
    const smuggled = `GET /v1/node HTTP/1.1\r\nHost: ${host}\r\n\r\n`;
    for (const framing of [
      `Content-Length: ${smuggled.length}\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n${smuggled}`,
      `Content-Length: 0\r\nContent-Length: ${smuggled.length}\r\n\r\n${smuggled}`,
      `Transfer-Encoding: identity\r\n\r\n${smuggled}`,
      `Transfer-Encoding: chunked, identity\r\n\r\n${smuggled}`,
      `Content-Length: -1\r\n\r\n${smuggled}`,
      `X: a\r\n\tb\r\n :c\r\n\r\n${smuggled}`,
    ]) {
      const heard = await say(`GET / HTTP/1.1\r\nHost: ${host}\r\nConnection: close\r\n${framing}`);
      expect(heard).not.toContain('node_key');
    }
    const two = `GET / HTTP/1.1\r\nHost: ${host}\r\nHost: evil.example\r\nConnection: close\r\n\r\n`;
    expect(await say(two)).toMatch(/^HTTP\/1\.1 4\d\d/);
    expect(await say('GET / HTTP/1.1\r\nConnection: close\r\n\r\n')).toMatch(/^HTTP\/1\.1 4\d\d/);
  });

  test('without encryption nothing is served off this machine', async () => {
    for (const address of ['0.0.0.0:8080', '192.0.2.1:8080', '[::]:8080', 'localhost:8080', '8080']) {
      const said = await city.sekisho(['serve', '--insecure-web', address]);
      expect([address, said.code]).toEqual([address, 2]);
      expect(said.error).toMatch(/wanted (a loopback address|ADDRESS:PORT)/);
    }
  });
});

describe('in a browser', () => {
  test('ten browsers load both pages at once', async () => {
    const loading = Array.from({ length: 10 }, async () => {
      const { page, context, faults } = await openPage();
      const failed: string[] = [];
      page.on('requestfailed', (asked) => failed.push(asked.url()));
      page.on('response', (answer) => {
        if (answer.status() >= 400) {
          failed.push(`${answer.status()} ${answer.url()}`);
        }
      });
      for (const path of PAGES) {
        await page.goto(`${city.web}${path}`);
        await page.waitForFunction(() => document.body.textContent.trim() !== '');
        // Whoever leaves a page ends what it is still loading.
        await page.waitForLoadState('networkidle');
      }
      await context.close();
      return [...failed, ...faults];
    });
    expect((await Promise.all(loading)).flat()).toEqual([]);
  });

  test('what is written into a page does not run, and asks nobody elsewhere', async () => {
    const { page, context } = await openPage();
    await page.goto(city.web);
    const ran = await page.evaluate(async (elsewhere) => {
      const script = document.createElement('script');
      script.textContent = 'window.wasRun = true';
      document.body.append(script);
      const image = document.createElement('div');
      image.innerHTML = '<img src="x:" onerror="window.wasRun = true">';
      document.body.append(image);
      const asked = await fetch(elsewhere, { mode: 'no-cors' }).then(
        () => 'answered',
        () => 'refused',
      );
      return { wasRun: 'wasRun' in window, asked };
    }, `http://${city.http}/healthz`);
    expect(ran).toEqual({ wasRun: false, asked: 'refused' });
    await context.close();
  });

  test('no other page can put it into a frame', async () => {
    const { context } = await openPage();
    const { page, faults } = await watch(context);
    await page.setContent(`<iframe id="framed" src="${city.web}/"></iframe>`);
    await expect.poll(() => faults.join('\n'), { timeout: 30_000 }).toContain('frame-ancestors');
    await context.close();
  });
});
