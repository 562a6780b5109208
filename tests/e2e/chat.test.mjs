// SPDX-License-Identifier: MIT
// Chat on two gateways and one broker: what is sent, what comes back, in which order, and what
// is refused.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { after, before, describe, test } from 'node:test';
import WebSocket from 'ws';
import { Client, chatUrl } from './lib/client.mjs';
import { run, start } from './lib/system.mjs';

const TIMESTAMP = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/;
const ZWSP = '\u200b';
const MESSAGE_KEYS = ['attachments', 'author', 'channel_id', 'content', 'id', 'reply_to', 'timestamp'];

let system;
before(async () => {
  // The limits have tests of their own.
  system = await start({ gateways: 2, env: { WEBSOCKET_RATE_LIMIT: '0', USER_RATE_LIMIT: '0' } });
});
after(() => system.stop());

const connect = (user, room = 'general', options = {}) => Client.chat(system, room, { user, ...options });

async function withClients(clients, body) {
  const opened = await Promise.all(clients);
  try {
    return await body(...opened);
  } finally {
    await Promise.all(opened.map((client) => client.close()));
  }
}

const stored = (where) => system.sql(`SELECT id, seq, author_id, content, reply_to, client_id
  FROM chat_message WHERE ${where} ORDER BY seq`);

describe('the customer\'s own snippets', () => {
  test('curl gets a token; the socket sends and receives', async () => {
    const curl = await run('curl', ['-sS', '-X', 'POST', `${system.info.url}/api/token/`,
      '-H', 'Content-Type: application/json', '-d', '{"username": "alice", "password": "alice-password"}']);
    const { access, refresh } = JSON.parse(curl.stdout);
    assert.ok(access.startsWith('eyJ') && refresh.startsWith('eyJ'));

    const token = access;
    const roomName = 'general';
    const socket = new WebSocket(`${system.info.ws_url}/ws/chat/${roomName}/?token=${token}`);
    const received = [];
    const gotChat = new Promise((resolve) => {
      socket.onmessage = (event) => {
        const data = JSON.parse(event.data);
        received.push(data);
        if (data.type === 'chat_message') {
          resolve(data);
        }
      };
    });
    await new Promise((resolve, reject) => {
      socket.onopen = resolve;
      socket.onerror = reject;
    });
    socket.send(JSON.stringify({
      type: 'chat_message',
      message: 'Hello, world!',
      channel_id: system.channel('general').id,
    }));
    const { message, ...frame } = await gotChat;
    assert.equal(received[0].type, 'connection_established');
    assert.deepEqual(Object.keys(frame).sort(), ['seq', 'type']);
    assert.deepEqual(Object.keys(message).sort(), MESSAGE_KEYS);
    assert.equal(message.content, 'Hello, world!');
    assert.deepEqual(Object.keys(message.author).sort(), ['avatar', 'id', 'username']);
    assert.equal(message.author.id, system.user('alice').id);
    assert.equal(message.author.username, 'alice');
    assert.equal(message.channel_id, system.channel('general').id);
    assert.equal(message.reply_to, null);
    assert.deepEqual(message.attachments, []);
    assert.match(message.timestamp, TIMESTAMP);
    socket.close();
    await new Promise((resolve) => { socket.onclose = resolve; });
  });
});

describe('order', () => {
  test('two users on two gateways see one order, without gaps, as it is stored', async () => {
    await withClients([connect('alice', 'random'), connect('bob', 'random', { gateway: 1 })], async (a, b) => {
      for (let i = 0; i < 100; i++) {
        a.sendChat(`a${i}`);
        b.sendChat(`b${i}`);
      }
      const [seenByA, seenByB] = await Promise.all([a, b].map((c) => c.count('chat_message', 200)));
      assert.deepEqual(seenByA, seenByB);
      const seqs = seenByA.map((frame) => frame.seq);
      assert.deepEqual(seqs, seqs.map((_, i) => a.hello.seq + 1 + i));
      const rows = await stored(`channel_id = ${system.channel('random').id} AND seq > ${a.hello.seq}`);
      assert.deepEqual(rows.map((row) => [row.id, row.seq, row.content]),
        seenByA.map((frame) => [frame.message.id, frame.seq, frame.message.content]));
      for (const prefix of ['a', 'b']) {
        const own = seenByA.map((frame) => frame.message.content).filter((text) => text.startsWith(prefix));
        assert.deepEqual(own, Array.from({ length: 100 }, (_, i) => `${prefix}${i}`));
      }
    });
  });

  test('frames sent before connection_established are answered after it, in order', async () => {
    const client = new Client(chatUrl(system, 'general', { token: await system.token('alice') }));
    await client.opened;
    const ids = Array.from({ length: 20 }, (_, i) => `early-${i}`);
    for (const id of ids) {
      client.sendChat(`at once ${id}`, { client_id: id });
    }
    await client.next((frame) => frame.client_id === ids.at(-1));
    assert.equal(client.frames[0].type, 'connection_established');
    assert.deepEqual(client.frames.map((frame) => frame.client_id).filter(Boolean), ids);
    await client.close();
  });

  test('what one room says, another does not hear', async () => {
    await withClients([connect('alice', 'general'), connect('bob', 'random')], async (a, b) => {
      await a.say('in general');
      await b.barrier();
      assert.equal(b.frames.filter((frame) => frame.message?.content === 'in general').length, 0);
    });
  });

  test('connection_established says where the channel is', async () => {
    await withClients([connect('alice')], async (a) => {
      const { seq } = await a.say('the last one');
      await withClients([connect('bob', 'general', { gateway: 1 })], (b) => assert.equal(b.hello.seq, seq));
    });
  });
});

describe('presence in a room', () => {
  test('joined for the first socket of a user, left for the last', async () => {
    await withClients([connect('alice', 'leads')], async (alice) => {
      const first = await connect('bob', 'leads', { gateway: 1 });
      const joined = await alice.next('user_joined');
      assert.match(joined.timestamp, TIMESTAMP);
      assert.deepEqual({ ...joined, timestamp: '' }, {
        type: 'user_joined', user_id: system.user('bob').id, username: 'bob',
        channel_id: system.channel('leads').id, timestamp: '',
      });
      const second = await connect('bob', 'leads');
      const online = second.hello.online_users.map((user) => user.username).sort();
      assert.deepEqual(online, ['alice', 'bob']);
      await second.close();
      await alice.barrier();
      await first.close();
      const left = await alice.next('user_left');
      assert.deepEqual({ ...left, timestamp: '' }, { ...joined, type: 'user_left', timestamp: '' });
      const presence = alice.frames.filter((frame) => frame.type.startsWith('user_'));
      assert.deepEqual(presence.map((frame) => frame.type), ['user_joined', 'user_left']);
    });
  });

  test('one does not hear of oneself', async () => {
    await withClients([connect('carol', 'board')], async (carol) => {
      await carol.barrier();
      assert.deepEqual(carol.frames.map((frame) => frame.type), ['connection_established', 'chat_message']);
    });
  });
});

describe('client_id', () => {
  test('a repeat stores nothing and shows the first copy to the sender alone', async () => {
    const sockets = [connect('alice'), connect('alice', 'general', { gateway: 1 }), connect('bob')];
    await withClients(sockets, async (a, a2, b) => {
      const first = await a.say('the first', { client_id: 'once-1' });
      a.sendChat('another text', { client_id: 'once-1' });
      assert.deepEqual(await a.next((frame) => frame.client_id === 'once-1'), first);
      await a2.next((frame) => frame.client_id === 'once-1');
      a2.sendChat('from elsewhere', { client_id: 'once-1' });
      assert.deepEqual(await a2.next((frame) => frame.client_id === 'once-1'), first);
      await Promise.all([a, a2, b].map((client) => client.barrier()));
      const copies = (client) => client.frames.filter((frame) => frame.client_id === 'once-1').length;
      assert.deepEqual([a, a2, b].map(copies), [2, 2, 1]);
      assert.equal((await stored('client_id = \'once-1\'')).length, 1);
    });
  });

  test('twice in one breath is stored once', async () => {
    await withClients([connect('alice')], async (a) => {
      for (let i = 0; i < 10; i++) {
        a.sendChat(`try ${i}`, { client_id: 'burst-1' });
      }
      const copies = await a.count((frame) => frame.client_id === 'burst-1', 10);
      assert.ok(copies.every((frame) => frame.seq === copies[0].seq && frame.message.content === 'try 0'));
      assert.equal((await stored('client_id = \'burst-1\'')).length, 1);
    });
  });

  test('another author may use the same; another channel, too', async () => {
    await withClients([connect('alice'), connect('bob'), connect('alice', 'random')], async (a, b, r) => {
      const ids = new Set();
      for (const client of [a, b, r]) {
        client.sendChat('same id', { client_id: 'shared-1' });
        const isOwn = (frame) => frame.client_id === 'shared-1' && frame.message.author.id === client.hello.user_id;
        ids.add((await client.next(isOwn)).message.id);
      }
      assert.equal(ids.size, 3);
    });
  });

  test('at most 64 characters, of any kind', async () => {
    await withClients([connect('alice')], async (a) => {
      const longest = '\u{1f600}'.repeat(64);
      assert.equal((await a.say('fits', { client_id: longest })).client_id, longest);
      for (const id of ['x'.repeat(65), '', 7, true, {}, ['a']]) {
        a.sendChat('does not', { client_id: id });
        assert.equal((await a.next('error')).code, 'INVALID_MESSAGE', JSON.stringify(id));
      }
    });
  });
});

describe('reply_to and channel_id', () => {
  test('an answer carries the id of what it answers', async () => {
    await withClients([connect('alice'), connect('bob', 'general', { gateway: 1 })], async (a, b) => {
      const { message } = await a.say('question');
      const answer = await b.say('answer', { reply_to: message.id });
      assert.equal(answer.message.reply_to, message.id);
      assert.equal((await a.next((frame) => frame.message?.content === 'answer')).message.reply_to, message.id);
    });
  });

  test('null is nothing', async () => {
    await withClients([connect('alice')], async (a) => {
      const frame = await a.say('plain', { reply_to: null, channel_id: null });
      assert.equal(frame.message.reply_to, null);
    });
  });

  test('not to a message of another channel, nor to none', async () => {
    await withClients([connect('alice'), connect('alice', 'random')], async (a, r) => {
      const { message } = await r.say('elsewhere');
      for (const id of [message.id, 999_999_999]) {
        a.sendChat('answer', { reply_to: id, client_id: `reply-${id}` });
        const error = await a.next('error');
        assert.equal(error.code, 'INVALID_MESSAGE');
        assert.equal(error.client_id, `reply-${id}`);
      }
    });
  });

  const notIds = ['"1"', '1.0', '1e0', '0', '-1', '9007199254740992', 'true', '[1]', '{}'];
  for (const key of ['reply_to', 'channel_id']) {
    test(`${key} is an integer from 1 to 2^53-1`, async () => {
      await withClients([connect('alice')], async (a) => {
        for (const text of notIds) {
          a.send(`{"type":"chat_message","message":"x","${key}":${text}}`);
          assert.equal((await a.next('error')).code, 'INVALID_MESSAGE', text);
        }
      });
    });
  }

  test('channel_id: unknown, closed to one, or another than the socket\'s', async () => {
    await withClients([connect('carol')], async (carol) => {
      const cases = [[9007199254740991, 'CHANNEL_NOT_FOUND'], [system.channel('leads').id, 'PERMISSION_DENIED'],
        [system.channel('random').id, 'INVALID_MESSAGE'], [system.channel('board').id, 'INVALID_MESSAGE']];
      for (const [channelId, code] of cases) {
        carol.sendChat('x', { channel_id: channelId });
        assert.equal((await carol.next('error')).code, code, `channel_id ${channelId}`);
      }
      await carol.say('x', { channel_id: system.channel('general').id });
    });
  });
});

describe('content', () => {
  // From the customer's seven patterns and PROTOCOL.md §7.
  const cases = [
    ['<script>alert(1)</script>hello', 'hello'],
    ['a<SCRIPT src="x"\n>\nalert(1)\n</ScRiPt>b', 'ab'],
    ['jajavascript:vascript:x', 'x'],
    ['see JAVASCRIPT:alert(1)', 'see alert(1)'],
    ['x onerror = y', 'x  y'],
    ['x onclick\t=y ONLOAD=z', 'x y z'],
    ['<iframe src="http://x">in</iframe>', `in<${ZWSP}/iframe>`],
    ['evaeval(l(1)', '1)'],
    ['<scr<script>x</script>ipt>y</script>z', 'z'],
    ['<b>bold</b>', `<${ZWSP}b>bold<${ZWSP}/b>`],
    ['<!-- x --><?php', `<${ZWSP}!-- x --><${ZWSP}?php`],
    ['a < b > c & "d" \'e\'', 'a < b > c & "d" \'e\''],
    ['1<2', '1<2'],
    ['<img src=x onerror=alert(1)>', `<${ZWSP}img src=x alert(1)>`],
    ['<script>no end', `<${ZWSP}script>no end`],
    ['tab\tnew\nline bell\u0007 del\u007f esc\u001b[0m', 'tab\tnew\nline bell del esc[0m'],
    ['😀 日本語 \u202e עברית', '😀 日本語 \u202e עברית'],
    ['"quotes" and \\backslashes\\', '"quotes" and \\backslashes\\'],
  ];
  for (const [sent, shown] of cases) {
    test(`${JSON.stringify(sent)} becomes ${JSON.stringify(shown)}`, async () => {
      await withClients([connect('alice')], async (a) => {
        const frame = await a.say(sent);
        assert.equal(frame.message.content, shown);
        assert.equal((await stored(`id = ${frame.message.id}`))[0].content, shown);
        assert.equal((await a.say(shown)).message.content, shown, 'a second time changes nothing');
      });
    });
  }

  test('nothing left: INVALID_MESSAGE', async () => {
    await withClients([connect('alice')], async (a) => {
      for (const text of ['', '<script>x</script>', 'javascript:', '\u0001\u0002']) {
        a.sendChat(text);
        assert.equal((await a.next('error')).code, 'INVALID_MESSAGE', JSON.stringify(text));
      }
    });
  });

  test('10 000 code points fit, one more is too large', async () => {
    await withClients([connect('alice'), connect('bob', 'general', { gateway: 1 })], async (a, b) => {
      for (const character of ['x', 'é', '\u{1f600}']) {
        const longest = character.repeat(10_000);
        assert.equal((await a.say(longest)).message.content, longest);
        await b.next((frame) => frame.message?.content === longest);
        a.sendChat(longest + character);
        assert.equal((await a.next('error')).code, 'MESSAGE_TOO_LARGE');
      }
    });
  });

  test('what sanitising adds counts, so that a text can be sent again', async () => {
    await withClients([connect('alice')], async (a) => {
      const said = await a.say('<b'.repeat(3333));
      assert.equal([...said.message.content].length, 9999);
      a.send({ type: 'edit_message', message_id: said.message.id, new_content: said.message.content });
      assert.equal((await a.next((f) => f.type === 'edit_message' || f.type === 'error')).type, 'edit_message');
      a.sendChat('<b'.repeat(3334));
      assert.equal((await a.next('error')).code, 'MESSAGE_TOO_LARGE');
    });
  });

  test('NUL and lone surrogates are refused', async () => {
    await withClients([connect('alice')], async (a) => {
      for (const text of ['\\u0000', 'a\\u0000b', '\\ud800', 'x\\udc00', '\\ud800\\ud800', '\\udc00\\ud800']) {
        a.send(`{"type":"chat_message","message":"${text}"}`);
        assert.equal((await a.next('error')).code, 'INVALID_MESSAGE', text);
      }
      a.send('{"type":"chat_message","message":"pair \\ud83d\\ude00","client_id":"pair"}');
      assert.equal((await a.next((frame) => frame.client_id === 'pair')).message.content, 'pair 😀');
    });
  });

  test('a file of attack strings comes back as text that no HTML parser takes for markup', async () => {
    const attacks = ['<svg onload=alert(1)>', '"><script>alert(1)</script>', '<a href="javascript:alert(1)">x</a>',
      '<body onerror=alert(1)>', '<ScRiPt>a</sCrIpT >', '<math><mtext></mtext></math>', '</title><x>',
      '<IFRAME SRC="javascript:alert(1)"></IFRAME>', '<%00script>', '<<script>x</script>script>y'];
    await withClients([connect('alice')], async (a) => {
      for (const attack of attacks) {
        const { message } = await a.say(attack);
        assert.doesNotMatch(message.content, /<[a-z/!?]/i, attack);
        assert.doesNotMatch(message.content, /javascript:|on(error|click|load)\s*=|eval\(/i, attack);
      }
    });
  });
});

describe('frames that are refused', () => {
  const cases = ['', 'x', '{', '[]', '"chat_message"', '1', 'null', '{}', '{"type":null}', '{"type":7}',
    '{"type":"unknown"}', '{"type":"CHAT_MESSAGE","message":"x"}', '{"type":"connection_established"}',
    '{"type":"chat_message"}', '{"type":"chat_message","message":null}', '{"type":"chat_message","message":7}',
    '{"type":"chat_message","message":["x"]}', '{"type":"chat_message","message":"x"} x',
    '{"type":"chat_message","message":"x",}', '{"type":"chat_message","message":"\t"}',
    '{"action":"nothing"}', '\ufeff{"type":"ping"}'];
  test('each gets INVALID_MESSAGE, and the socket stays open', async () => {
    await withClients([connect('alice')], async (a) => {
      for (const text of cases) {
        a.send(text);
        const error = await a.next('error');
        assert.deepEqual(Object.keys(error).sort(), ['code', 'error', 'type'], text);
        assert.equal(error.code, 'INVALID_MESSAGE', text);
      }
      await a.say('still here');
    });
  });

  test('a binary frame, too', async () => {
    await withClients([connect('alice')], async (a) => {
      a.socket.send(Buffer.from('{"type":"ping"}'), { binary: true });
      assert.equal((await a.next('error')).code, 'INVALID_MESSAGE');
    });
  });

  test('with the client_id that it had', async () => {
    await withClients([connect('alice')], async (a) => {
      a.send({ type: 'chat_message', message: '', client_id: 'broken-1' });
      assert.equal((await a.next('error')).client_id, 'broken-1');
    });
  });

  test('depth 32 passes, 33 does not', async () => {
    await withClients([connect('alice')], async (a) => {
      const nested = (depth) => `{"type":"chat_message","message":"deep","client_id":"deep-${depth}",`
        + `"x":${'['.repeat(depth - 1)}${']'.repeat(depth - 1)}}`;
      a.send(nested(32));
      await a.next((frame) => frame.client_id === 'deep-32' && frame.type === 'chat_message');
      a.send(nested(33));
      assert.equal((await a.next('error')).code, 'INVALID_MESSAGE');
    });
  });

  test('unknown keys are ignored and not sent on', async () => {
    await withClients([connect('alice')], async (a) => {
      const frame = await a.say('x', { author: { id: 2 }, seq: 1, id: 7, extra: { a: [1] }, timestamp: 'now' });
      assert.deepEqual(Object.keys(frame).sort(), ['client_id', 'message', 'seq', 'type']);
      assert.deepEqual(Object.keys(frame.message).sort(), MESSAGE_KEYS);
      assert.equal(frame.message.author.username, 'alice');
    });
  });
});

test('ping and heartbeat are answered to the sender alone', async () => {
  await withClients([connect('alice'), connect('bob')], async (a, b) => {
    a.send({ type: 'ping' });
    const pong = await a.next('pong');
    a.send({ action: 'heartbeat' });
    const ack = await a.next('heartbeat_ack');
    for (const frame of [pong, ack]) {
      assert.deepEqual(Object.keys(frame).sort(), ['timestamp', 'type']);
      assert.match(frame.timestamp, TIMESTAMP);
    }
    await b.barrier();
    assert.ok(b.frames.every((frame) => !['pong', 'heartbeat_ack'].includes(frame.type)));
  });
});

test('compressed and plain sockets see the same', async () => {
  const options = [{ perMessageDeflate: true }, { perMessageDeflate: false }];
  await withClients(options.map((option) => connect('alice', 'general', option)), async (a, b) => {
    const text = 'compressible '.repeat(500);
    const sent = await a.say(text);
    assert.match(a.socket.extensions, /permessage-deflate/);
    assert.deepEqual(await b.next('chat_message'), sent);
  });
});

test('the server never closes with 1000 of itself; it answers a close', async () => {
  const client = await connect('alice');
  client.socket.close(1000);
  const [code] = await once(client.socket, 'close');
  assert.equal(code, 1000);
});
