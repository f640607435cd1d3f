// An SMPP client and an SMSC that share no code with Scrubjay's, around it: npm's `smpp` 0.5.1.
//
//   NODE_PATH=DIR/node_modules node smpp.js SCRUBJAY
//   NODE_PATH=DIR/node_modules node smpp.js PROXY_PORT SMSC_PORT
//
// With a path it starts scrubjay, redacting and refusing. With two ports, something must listen at PROXY_PORT that redacts and has its SMSC at
// SMSC_PORT of 127.0.0.1, which is here; what a refusal looks like is not seen then. Every PDU is compared octet by octet, but for texts.
'use strict';
const assert = require('assert'), child = require('child_process'), fs = require('fs'), net = require('net');
const os = require('os'), path = require('path');
const smpp = require('smpp');

const PATIENCE = 180000; // milliseconds
const TEXT = 'Dear Maria Lopez, SSN 219-10-9999, MRN 4471902, date of birth 03/14/1962.';
const SCRUBBED = 'Dear (NAME), SSN (SSN), MRN (MRN), date of birth 1962.';
const PLANTED = ['Maria', 'Lopez', '219-10', '10-9999', '219109999', '4471902', '03/14'];
const OK = 0, SUBMIT_FAILED = 0x45, QUEUE_FULL = 0x14;

const hex = (octets) => octets.toString('hex');
const pdu = (command, fields) => new smpp.PDU(command, fields);
const sequence = (octets) => octets.readUInt32BE(12);
let checks = 0;
function check(what, is, must) {
  checks++;
  assert.deepStrictEqual(is, must, what);
}

// What stands in octets, in every alphabet that is used here.
function clean(what, octets) {
  checks++;
  const readings = [octets.toString('latin1'), octets.toString('utf16le'), Buffer.from(octets).subarray(1).toString('utf16le')];
  const swapped = [octets, octets.subarray(1)].map((o) => Buffer.from(o.subarray(0, o.length & ~1)).swap16().toString('utf16le'));
  for (const planted of PLANTED) {
    for (const each of [...readings, ...swapped]) assert(!each.includes(planted), `${what}: ${planted} in ${hex(octets)}`);
  }
}

async function until(what, happened) {
  const deadline = Date.now() + PATIENCE;
  while (!happened()) {
    assert(Date.now() < deadline, `waited in vain: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}

// The PDUs that come and go at a socket, raw, beside what the library makes of them.
function tap(socket) {
  const came = [], went = [];
  const cut = (into) => {
    let rest = Buffer.alloc(0);
    return (octets) => {
      rest = Buffer.concat([rest, octets]);
      while (rest.length >= 4 && rest.length >= rest.readUInt32BE(0)) {
        into.push(Buffer.from(rest.subarray(0, rest.readUInt32BE(0))));
        rest = rest.subarray(rest.readUInt32BE(0));
      }
    };
  };
  const push = socket.push.bind(socket), write = socket.write.bind(socket), [read, wrote] = [cut(came), cut(went)];
  socket.push = (octets, encoding) => { if (octets) read(octets); return push(octets, encoding); };
  socket.write = (octets, ...more) => { wrote(octets); return write(octets, ...more); };
  return { came, went };
}

class Smsc {
  constructor() {
    this.server = smpp.createServer((session) => {
      this.session = session;
      this.wire = tap(session.socket);
      session.on('error', () => {});
      session.on('pdu', (p) => {
        if (p.isResponse()) return;
        const fields = { message_id: `id${p.sequence_number}` };
        if (p.command.startsWith('bind')) fields.system_id = 'smsc';
        session.send(p.response(fields));
      });
    });
  }

  listen(port) {
    return new Promise((resolve) => this.server.listen(port, '127.0.0.1', () => resolve(this.server.address().port)));
  }
}

class Client {
  async connect(port, smsc) {
    this.session = smpp.connect({ host: '127.0.0.1', port });
    this.session.on('error', (e) => { throw e; });
    this.wire = tap(this.session.socket);
    await new Promise((resolve) => this.session.once('connect', resolve));
    check('bind', (await this.ask(pdu('bind_transceiver', { system_id: 'clinic', password: 'p', interface_version: 0x50 }))).command_status, OK);
    this.smsc = smsc.session;
    this.far = smsc.wire;
    return this;
  }

  ask(p) { return new Promise((resolve) => this.session.send(p, resolve)); }

  // Sends PDUs without a wait between them; all must succeed. What was written, and what the SMSC has got.
  async send(what, pdus, status = OK) {
    const before = this.far.came.length, sent = this.wire.went.length, answered = this.wire.came.length;
    const replies = await Promise.all(pdus.map((p) => this.ask(p)));
    check(`${what}: statuses`, replies.map((r) => r.command_status), pdus.map(() => status));
    const went = this.wire.went.slice(sent), got = this.far.came.slice(before);
    // Replies in the order of the requests.
    check(`${what}: order of replies`, this.wire.came.slice(answered).map(sequence), went.map(sequence));
    check(`${what}: order`, got.map(sequence), status === OK ? went.map(sequence) : []);
    return [went, got];
  }
}

function textOf(p) {
  const text = p.message_payload ?? p.short_message;
  return String(text.message ?? text);
}

// All of a PDU but its texts: addresses, flags, references and the like.
function frame(octets) {
  const { command_length, short_message, message_payload, sm_length, ...rest } = new smpp.PDU(octets);
  const header = [short_message, message_payload].map((text) => text && text.udh && [].concat(text.udh).map(hex));
  return JSON.stringify({ ...rest, header, payload: message_payload !== undefined });
}

// PDUs whose texts are one text, which becomes another.
async function becomes(client, what, pdus, must) {
  const [went, got] = await client.send(what, pdus);
  check(`${what}: PDUs`, got.length, pdus.length);
  got.forEach((octets, n) => {
    clean(what, octets);
    check(`${what}: all but the text`, frame(octets), frame(went[n]));
  });
  check(what, got.map((octets) => textOf(new smpp.PDU(octets))).join(''), must);
}

async function unchanged(client, what, pdus) {
  const [went, got] = await client.send(what, pdus);
  check(what, got.map(hex), went.map(hex));
}

const to = { source_addr_ton: 5, source_addr: 'CLINIC', dest_addr_ton: 1, dest_addr_npi: 1, destination_addr: '12125550123' };
const submit = (fields) => pdu('submit_sm', { ...to, ...fields });
const udh8 = (reference, total, number) => Buffer.from([5, 0, 3, reference, total, number]);
const udh16 = (reference, total, number) => Buffer.from([6, 8, 4, reference >> 8, reference & 255, total, number]);
const withHeader = (udh, message, more) => submit({ esm_class: 0x40, short_message: { udh, message }, ...more });
const sar = (reference, total, number, short_message) =>
  submit({ sar_msg_ref_num: reference, sar_total_segments: total, sar_segment_seqnum: number, short_message });

async function redacted(client) {
  // Texts, in each alphabet and each kind of PDU.
  for (const [what, fields, must] of [
    ['GSM 7 bit', { data_coding: 0, short_message: `@ {x} ~ \u20ac ${TEXT} \\^|[] \u00e9` }, `@ {x} ~ \u20ac ${SCRUBBED} \\^|[] \u00e9`],
    // The library writes GSM 7 bit under data_coding 1, which is IA5 by the specification.
    ['GSM 7 bit as IA5', { short_message: `me@x: ${TEXT}` }, `me@x: ${SCRUBBED}`],
    ['Latin-1', { data_coding: 3, short_message: `caf\u00e9 \u00fc: ${TEXT}` }, `caf\u00e9 \u00fc: ${SCRUBBED}`],
    ['UCS-2', { data_coding: 8, short_message: `\u0416 \u20ac: SSN 219-10-9999, MRN 4471902` }, '\u0416 \u20ac: SSN (SSN), MRN (MRN)'],
    ['message_payload', { short_message: '', message_payload: `${'We are open. '.repeat(40)}${TEXT}` }, `${'We are open. '.repeat(40)}${SCRUBBED}`],
  ]) await becomes(client, what, [submit(fields)], must);
  await becomes(client, 'data_sm', [pdu('data_sm', { ...to, message_payload: TEXT })], SCRUBBED);
  await becomes(client, 'replace_sm', [pdu('replace_sm', { message_id: 'id9', source_addr: 'CLINIC', short_message: TEXT })], SCRUBBED);
  const number = (destination_addr) => ({ dest_addr_ton: 1, dest_addr_npi: 1, destination_addr });
  const many = [number('12125550123'), number('12125550124'), { dl_name: 'friends' }];
  await becomes(client, 'submit_multi', [pdu('submit_multi', { source_addr: 'CLINIC', dest_address: many, short_message: TEXT })], SCRUBBED);

  // A number that is divided between two segments.
  const [one, two, joined] = ['We are open. SSN 219-10', '-9999 is on file @ {x}', 'We are open. SSN (SSN) is on file @ {x}'];
  await becomes(client, 'segments by UDH', [withHeader(udh8(7, 2, 1), one), withHeader(udh8(7, 2, 2), two)], joined);
  await becomes(client, 'segments by UDH of 16 bits', [withHeader(udh16(770, 2, 1), one), withHeader(udh16(770, 2, 2), two)], joined);
  const ucs2 = { data_coding: 8 };
  await becomes(client, 'segments in UCS-2',
    [withHeader(udh8(8, 2, 1), `\u0416 ${one}`, ucs2), withHeader(udh8(8, 2, 2), `${two} \u0416`, ucs2)], `\u0416 ${joined} \u0416`);
  await becomes(client, 'segments by SAR', [sar(9, 2, 1, one), sar(9, 2, 2, two)], joined);
  await becomes(client, 'three segments',
    [sar(10, 3, 1, 'Patient: Mar'), sar(10, 3, 2, 'ia Lopez, MRN 447'), sar(10, 3, 3, '1902')], 'Patient: (NAME), MRN (MRN)');

  // What holds nothing arrives as it is.
  const clear = 'The clinic is open from nine to five @ {x} \u20ac';
  await unchanged(client, 'clean texts', [
    submit({ short_message: clear }), submit({ data_coding: 0, short_message: clear }), submit({ data_coding: 3, short_message: 'caf\u00e9' }),
    submit({ short_message: '\u041f\u0440\u0438\u0432\u0435\u0442 \u{1f642}' }),
    submit({ short_message: '', message_payload: clear.repeat(9), user_message_reference: 7 }),
    pdu('data_sm', { ...to, message_payload: clear }), pdu('submit_multi', { source_addr: 'CLINIC', dest_address: many, short_message: clear }),
    submit({ registered_delivery: 1, validity_period: '000001000000000R', service_type: 'CMT', short_message: clear }),
  ]);
  await unchanged(client, 'clean segments', [withHeader(udh8(11, 2, 1), clear), withHeader(udh8(11, 2, 2), clear)]);
  await unchanged(client, 'what is no message', [
    pdu('enquire_link'), pdu('query_sm', { message_id: 'id9', source_addr: 'CLINIC' }), pdu('cancel_sm', { message_id: 'id9', ...to }),
  ]);

  // Many at once, with something in every third.
  const texts = Array.from({ length: 600 }, (_, n) => n % 3 ? `visit of room ${'abcdefghij'[n % 10]}` : TEXT);
  const [went, got] = await client.send('many', texts.map((short_message) => submit({ short_message })));
  got.forEach((octets, n) => {
    if (n % 3) check('many', hex(octets), hex(went[n]));
    else check('many', textOf(new smpp.PDU(octets)), SCRUBBED);
  });

  // What comes from the SMSC is inbound, and passes; the client's replies, too.
  for (const p of [pdu('deliver_sm', { source_addr: '12125550123', destination_addr: 'CLINIC', short_message: TEXT }), pdu('enquire_link'),
    pdu('data_sm', { source_addr: '12125550123', destination_addr: 'CLINIC', message_payload: TEXT })]) {
    const [came, replied] = [client.wire.came.length, client.far.came.length];
    client.session.once('pdu', (q) => client.session.send(q.response()));
    client.smsc.send(p);
    await until(`${p.command} and its reply`, () => client.wire.came.length > came && client.far.came.length > replied);
    check(p.command, hex(client.wire.came[came]), hex(client.far.went[client.far.went.length - 1]));
    check(`${p.command}_resp`, hex(client.far.came[replied]), hex(client.wire.went[client.wire.went.length - 1]));
  }
}

async function unbind(client) {
  const closed = new Promise((resolve) => client.session.once('close', resolve));
  check('unbind', (await client.ask(pdu('unbind'))).command_status, OK);
  client.session.close();
  await closed;
}

async function refused(client) {
  await client.send('refused', [submit({ short_message: TEXT })], SUBMIT_FAILED);
  await client.send('refused in segments', [sar(1, 2, 1, 'SSN 219-10'), sar(1, 2, 2, '-9999')], SUBMIT_FAILED);
  // Nobody knows what its other half would say.
  await client.send('half a message', [sar(2, 2, 1, 'We are open')], QUEUE_FULL);
  await unchanged(client, 'nothing to refuse', [submit({ short_message: 'We are open' })]);
}

async function freePort() {
  const server = net.createServer();
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address();
  await new Promise((resolve) => server.close(resolve));
  return port;
}

// scrubjay with a pipeline, once it listens.
async function gateway(scrubjay, folder, phi, segments, smsc) {
  const port = await freePort(), file = path.join(folder, `${phi}.toml`);
  fs.writeFileSync(file, `[source.smpp]\nlisten = "127.0.0.1:${port}"\nsegments_seconds = ${segments}\n\n` +
    `[sink.smpp]\nsmsc = "127.0.0.1:${smsc}"\n\n[sms]\nphi = "${phi}"\n`);
  const process = child.spawn(scrubjay, ['run', file], { stdio: ['ignore', 'ignore', 'pipe'] });
  let said = '';
  process.stderr.on('data', (octets) => { said += octets; });
  const ended = new Promise((resolve) => process.once('close', resolve));
  running.push(process);
  await until('scrubjay listens', () => {
    assert(process.exitCode === null, `scrubjay has ended: ${said}`);
    return said.includes('taken on');
  });
  return { port, async stop() {
    process.kill('SIGTERM');
    check('exit code', await ended, 0);
    clean('the log', Buffer.from(said));
  } };
}

const running = [];
async function main(...args) {
  const began = Date.now(), smsc = new Smsc();
  if (args.length === 2) {
    await smsc.listen(Number(args[1]));
    const client = await new Client().connect(Number(args[0]), smsc);
    await redacted(client);
    await unbind(client);
  } else if (args.length === 1) {
    const port = await smsc.listen(0), folder = fs.mkdtempSync(path.join(os.tmpdir(), 'smpp-'));
    try {
      for (const [phi, segments, judge] of [['redact', 60, redacted], ['refuse', 1, refused]]) {
        const proxy = await gateway(path.resolve(args[0]), folder, phi, segments, port);
        const client = await new Client().connect(proxy.port, smsc);
        await judge(client);
        await unbind(client);
        await proxy.stop();
      }
    } finally {
      fs.rmSync(folder, { recursive: true });
    }
  } else {
    throw new Error('node smpp.js SCRUBJAY, or node smpp.js PROXY_PORT SMSC_PORT');
  }
  console.log(`${checks} checks in ${((Date.now() - began) / 1000).toFixed(1)} s; 0 things wrong`);
}

process.on('uncaughtException', (e) => end(e));
function end(error) {
  for (const each of running) each.kill();
  if (error) console.log(error.message ?? error);
  process.exit(error ? 1 : 0);
}
setTimeout(() => end(new Error('no end in time')), 3 * PATIENCE).unref();
main(...process.argv.slice(2)).then(() => end(), end);
