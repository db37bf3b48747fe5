// MQTT.js, used as its documentation shows, against a node.
//
// mqttjs_client.cjs URL CERTIFICATE LOGIN FOLDER: LOGIN holds the user name and the password, a line
// each; in FOLDER, with a slash behind it, the package was installed. Prints a line for each thing that went as the standard has it, and fails with the first that did
// not.
'use strict';
const { deepStrictEqual } = require('node:assert');
const fs = require('node:fs');
const { createRequire } = require('node:module');

const [url, certificate, login, packages] = process.argv.slice(2);
const mqtt = createRequire(packages)('mqtt');
const [username, password] = fs.readFileSync(login, 'utf8').split('\n');
const patience = 30_000;

// A client with what came, and those who wait for it.
async function connect(protocolVersion, will) {
  const options = { ca: fs.readFileSync(certificate), username, password, protocolVersion, will };
  const client = await mqtt.connectAsync(url, { ...options, reconnectPeriod: 0 }, false);
  const messages = [];
  let wake = () => {};
  client.on('message', (topic, payload, { qos, retain }) => {
    messages.push({ topic, payload: payload.toString(), qos, retain });
    wake();
  });
  const next = () =>
    new Promise((resolve, reject) => {
      const late = setTimeout(() => reject(new Error('wanted a message, found none')), patience);
      wake = () => {
        if (messages.length === 0) return;
        clearTimeout(late);
        wake = () => {};
        resolve(messages.shift());
      };
      wake();
    });
  client.hears = async (topic, payload, qos, retain = false) =>
    deepStrictEqual(await next(), { topic, payload, qos, retain });
  return client;
}

async function listen(client, topic) {
  const [granted] = await client.subscribeAsync(topic, { qos: 2 });
  deepStrictEqual(granted.qos, 2);
}

async function messages(version, room) {
  const [reader, writer] = [await connect(version), await connect(version)];
  await listen(reader, `${room}/air`);
  for (const qos of [0, 1, 2]) {
    await writer.publishAsync(`${room}/air`, `reading ${qos}`, { qos });
    await reader.hears(`${room}/air`, `reading ${qos}`, qos);
  }
  await Promise.all([reader.endAsync(), writer.endAsync()]);
}

async function retained(version, room) {
  const writer = await connect(version);
  await writer.publishAsync(`${room}/door`, 'open', { qos: 1, retain: true });
  const late = await connect(version);
  await listen(late, `${room}/door`);
  await late.hears(`${room}/door`, 'open', 1, true);
  await writer.publishAsync(`${room}/door`, '', { qos: 1, retain: true });
  const later = await connect(version);
  await listen(later, `${room}/door`);
  await writer.publishAsync(`${room}/door`, 'shut', { qos: 1 });
  await later.hears(`${room}/door`, 'shut', 1);
  await Promise.all([writer.endAsync(), late.endAsync(), later.endAsync()]);
}

async function will(version, room) {
  const heir = await connect(version);
  await listen(heir, `${room}/will`);
  const device = await connect(version, { topic: `${room}/will`, payload: 'gone', qos: 1 });
  device.on('error', () => {});
  device.stream.destroy(); // As a device does that loses its power.
  await heir.hears(`${room}/will`, 'gone', 1);
  await heir.endAsync();
}

async function main() {
  const room = new URL(url).protocol.replace(':', '');
  for (const [name, version] of [['3.1.1', 4], ['5', 5]]) {
    for (const part of [messages, retained, will]) {
      await part(version, `${room}/${name}`);
      console.log(`${name} ${part.name}`);
    }
  }
}

main().then(() => process.exit(0), (fault) => {
  console.error(fault);
  process.exit(1);
});
