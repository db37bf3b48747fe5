// A person with a browser: opens a page, fills in each form that comes, and says yes or no. Prints the title and the
// address of where that led.
// node person.mjs PAGE NAME [no]
const [page, name, answer] = process.argv.slice(2);
const cookies = new Map();

async function open(url, form) {
  for (let steps = 0; steps < 20; steps += 1) {
    const cookie = [...cookies].map(([key, value]) => `${key}=${value}`).join('; ');
    const response = await fetch(url, {
      method: form ? 'POST' : 'GET',
      body: form,
      headers: { cookie },
      redirect: 'manual',
    });
    for (const set of response.headers.getSetCookie()) {
      const [key, value] = set.split(';')[0].split('=');
      if (value) cookies.set(key, value);
      else cookies.delete(key);
    }
    const next = response.headers.get('location');
    if (!next) return { url: response.url || url, text: await response.text() };
    url = new URL(next, url).href;
    form = undefined;
  }
  throw new Error(`${page}: too many redirects`);
}

function formOf({ url, text }) {
  const form = text.match(/<form[^>]*>[\s\S]*?<\/form>/)?.[0];
  if (!form) return undefined;
  const fields = new URLSearchParams();
  for (const [input] of form.matchAll(/<input[^>]*>/g)) {
    const of = (attribute) => input.match(new RegExp(`${attribute}="([^"]*)"`))?.[1];
    if (of('name')) fields.set(of('name'), of('value') ?? '');
  }
  if (fields.has('login')) fields.set('login', name);
  if (fields.has('password')) fields.set('password', 'any');
  const action = form.match(/action="([^"]*)"/)?.[1] ?? url;
  const aborts = /name="abort"/.test(text);
  if (fields.has('user_code') && !aborts) return { action: new URL(action, url).href, fields };
  if (aborts && answer === 'no') fields.set('abort', 'yes');
  else if (aborts) fields.set('confirm', 'yes');
  return { action: new URL(action, url).href, fields };
}

let seen = await open(page);
for (let forms = 0; forms < 10; forms += 1) {
  const form = formOf(seen);
  if (!form) break;
  if (process.env.SHOW) console.error(form.action, form.fields.toString());
  seen = await open(form.action, form.fields);
}
process.stdout.write(`${seen.text.match(/<title>([^<]*)/)?.[1] ?? 'done'}\n${seen.url}\n`);
