// SPDX-License-Identifier: MIT
// Writes the seed corpora of fuzz_envelope, fuzz_delivery and fuzz_client_msg: one valid sample of
// each kind and a few that are nearly valid. Run after a change of the wire form:
//   node tests/fuzz/make_seeds.mjs
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const here = dirname(fileURLToPath(import.meta.url));
const corpus = join(here, "corpus");
const limits = readFileSync(join(here, "../../proto/limits.h"), "utf8");
const VERSION = Number(/#define PROTO_VERSION (\d+)u/.exec(limits)[1]);

// A type byte that holds `n` itself when it is below `limit`, or one with 16 bits behind it.
const head = (small, limit, wide, n) =>
  n < limit ? Buffer.from([small | n]) : Buffer.from([wide, n >> 8, n & 255]);

function packNumber(n) {
  if (n >= 0 && n < 128) return Buffer.from([Number(n)]);
  const bytes = Buffer.alloc(9);
  bytes[0] = 0xcf;
  bytes.writeBigUInt64BE(BigInt(n), 1);
  return bytes;
}

// A string is str, a Buffer is bin.
function pack(value) {
  if (Array.isArray(value)) {
    return Buffer.concat([head(0x90, 16, 0xdc, value.length), ...value.map(pack)]);
  }
  if (Buffer.isBuffer(value)) return Buffer.concat([head(0, 0, 0xc5, value.length), value]);
  if (typeof value === "string") {
    const text = Buffer.from(value);
    return Buffer.concat([head(0xa0, 32, 0xda, text.length), text]);
  }
  if (typeof value === "boolean") return Buffer.from([value ? 0xc3 : 0xc2]);
  if (value === null) return Buffer.from([0xc0]);
  return packNumber(value);
}

function save(module, name, bytes) {
  mkdirSync(join(corpus, module), { recursive: true });
  writeFileSync(join(corpus, module, name), bytes);
}

const bin = (text) => Buffer.from(text, "latin1");
const actor = [42, "jürgen", "/media/a.png", true];
const credentials = [bin("Bearer x"), bin("t%2E"), bin("bearer, t"), bin("sessionid=s"), true];
const none = [bin(""), bin(""), bin(""), bin(""), false];
const message = (kind, { id = "", text = "", channel = 0, replyTo = 0, about = 0, notification = 0,
                         isTyping = false, attachments = [] } = {}) =>
  [kind, id, text, channel, replyTo, about, notification, isTyping, attachments];
const up = (kind, ...fields) => [VERSION, kind, 7, ...fields];
const frameOf = (msg, { isOutside = false } = {}) =>
  up(4, 1, 5000000000n, actor, "chat:7", isOutside, msg);
const http = (method, path, body, type, { range = "", ifRange = "", ifNoneMatch = "", follows = 0 } = {}) =>
  up(5, bin(method), bin(path), bin("a=1"), bin(body), bin(type), "10.0.0.1", credentials,
     bin(range), bin(ifRange), bin(ifNoneMatch), follows);
const users = (...ids) => {
  const bytes = Buffer.alloc(8 * ids.length);
  ids.forEach((id, i) => bytes.writeBigUInt64LE(BigInt(id), 8 * i));
  return bytes;
};
const upload = (action, { frameNo = 1, isHttp = false, id = "", name = "", type = "", size = 0,
                          channel = 0, isPosted = false, index = 0, bytes = 0, blob = 0 } = {}) =>
  up(9, frameNo, 5000000000n, actor, "chat:7", "c-1", action, isHttp, id, name, type, size, channel,
     isPosted, (BigInt(index) << 32n) | BigInt(bytes), blob);

const envelopes = {
  open: up(1, 1, "general", credentials, "10.0.0.1"),
  open_without_credentials: up(1, 2, "", none, "::1"),
  join: [VERSION, 2, 2n ** 64n - 1n, actor, "chat:7", false, false, 0],
  join_since: up(2, actor, "chat:7", false, true, 12345),
  rejoin: up(2, actor, "chat:7", true, false, 0),
  leave: up(3, 42, "bob", "chat:7", true, true),
  frame: frameOf(message(1, { id: "c-1", text: "hi 😀", channel: 7 })),
  frame_outside: frameOf(message(3, { about: 300 }), { isOutside: true }),
  frame_typing: frameOf(message(4, { isTyping: true })),
  frame_with_attachments: frameOf(
    message(1, { attachments: Array.from({ length: 20 }, (_, i) => 2n ** 53n - 1n - BigInt(i)) })),
  http: http("POST", "/api/token/", '{"a":"\xff"}', "application/json"),
  http_range: http("GET", "/media/attachments/7/a.pdf", "", "",
                   { range: "bytes=0-99", ifRange: '"x"', ifNoneMatch: 'W/"y", *' }),
  http_body_follows: http("POST", "/api/uploads/", "", "application/pdf", { follows: 20971520 }),
  history: up(6, "chat:7", 10, 20),
  refresh: up(7, 1, 5000000000n, 42, "c-1", "aaa.bbb.ccc"),
  notify: up(8, "jobs", 0, 0, 1704110400000n, "Title", "A message", "general", "/x", users(1, 42)),
  notify_chat: up(8, "", 7, 300, 1704110400000n, "New Message", "hi", "chat", "/chat/7", users(1)),
  notify_nobody: up(8, "jobs", 0, 0, 0, "", "", "", "", users()),
  upload_start: upload(1, { name: "plän.pdf", type: "application/pdf", size: 200000, channel: 7,
                            isPosted: true }),
  upload_chunk: upload(2, { id: "abc", index: 4095, bytes: 262144, blob: 2n ** 64n - 1n }),
  upload_body: upload(2, { isHttp: true, id: "abc", index: 0, bytes: 5, blob: 1 }),
  upload_cancel: upload(3, { id: "abc" }),
  upload_index_too_large: upload(2, { id: "abc", index: 4096, bytes: 1 }),
  pull: up(10, "file/abc/data", 262144, 262144, 9),
  pull_of_nothing: up(10, "file/abc/data", 0, 0, 9),
  later_version: [VERSION + 1, 4, 7, "whatever", [null]],
  unknown_kind: [VERSION, 11, 7, null],
  one_attachment_too_many: frameOf(message(1, { attachments: Array(21).fill(1) })),
};
for (const [name, value] of Object.entries(envelopes)) save("envelope", name, pack(value));
const three = Buffer.concat([pack(envelopes.join), pack(envelopes.frame), pack(envelopes.leave)]);
save("envelope", "three", three);
save("envelope", "three_and_a_half", Buffer.concat([three, pack(envelopes.open).subarray(0, 20)]));
save("envelope", "deep", Buffer.alloc(200, 0x97));

const json = '{"type":"pong","timestamp":"2024-01-01T12:00:00.000Z"}';
const items = {
  granted: [1, 7, actor, "chat:7", 1704110400000n, 2n ** 64n - 1n, 1704114000],
  refused: [2, 7, 4, 4403],
  joined: [3, 7, "chat:7", 300, true, json],
  topic: [4, 0, "chat:7", 301, 42, 7, 42, json],
  reply: [5, 7, 1, 5000000000n, json],
  ack: [6, 7, 1, 5000000000n],
  http: [7, 7, 200, bin("application/json"), bin("Set-Cookie: a=b\r\n"), bin('{"a":1}'), "", 0, 0],
  http_file: [7, 7, 206, bin("application/pdf"), bin('ETag: "x"\r\n'), bin(""), "file/abc/data", 100, 300000],
  kick: [8, 0, 42, "chat:7", 5, 1704110400000n, 0, 4401],
  typing: [9, 0, "chat:7", 7, 42, "jürgen", 2],
  history: [10, 7, "chat:7", 10, 12, `${json}\n${json}\n`],
  refreshed: [11, 7, 1, 5000000000n, 9, 1704114000],
  send: [12, 7, json],
  wanted: [13, 7, actor, "chat:7", "abc"],
  pulled: [14, 7, 262144, 9, 262144],
  unknown_kind: [15, 7, 1],
  unknown_close_code: [8, 0, 42, "", 0, 0, 0, 1000],
  kick_of_everybody: [8, 0, 0, "", 0, 0, 0, 4401],
};
const section = (list) => [VERSION, 3, 1704110400000n, 5, list];
for (const [name, value] of Object.entries(items)) save("delivery", name, pack(section([value])));
const all = Object.values(items).slice(0, 15);
save("delivery", "all_items", pack(section(all)));
save("delivery", "two_sections", Buffer.concat([pack(section(all)), pack([VERSION, 255, 0, 0, []])]));
save("delivery", "later_version", pack([VERSION + 1, 3, 4, 5, []]));
save("delivery", "entry_id", "1704110400000-5");
save("delivery", "deep", Buffer.alloc(200, 0x95));

const frames = {
  chat_message: '{"type":"chat_message","message":"Hello, world!","channel_id":123}',
  all_fields: '{"type":"chat_message","message":"a\\u00fc\\ud83d\\ude00\\n","channel_id":7,' +
    '"reply_to":9007199254740991,"attachments":[1,2,3],"client_id":"c-1"}',
  only_attachments: '{"type":"chat_message","attachments":[5]}',
  nulls: '{"type":"chat_message","message":"x","channel_id":null,"reply_to":null,' +
    '"attachments":null,"client_id":null}',
  ping: '{"type":"ping"}',
  heartbeat: '{"action":"heartbeat"}',
  unknown: '{"type":"nope","client_id":"c"}',
  nul: '{"type":"chat_message","message":"a\\u0000b","client_id":"c"}',
  lone_surrogate: '{"type":"chat_message","message":"\\ud83d"}',
  real_id: '{"type":"chat_message","message":"x","channel_id":1.0}',
  huge_number: '{"type":"chat_message","message":"x","channel_id":99999999999999999999}',
  duplicate_keys: '{"type":"ping","type":"chat_message","message":1,"message":"x"}',
  nested: '{"type":"ping","x":' + "[".repeat(31) + "]".repeat(31) + "}",
  too_deep: '{"type":"ping","x":' + "[".repeat(32) + "]".repeat(32) + "}",
  upload_file: '{"type":"upload_file","file_name":"a \\"b\\".pdf","file_type":"application/pdf",' +
    '"file_size":200000,"channel_id":7,"post":false,"upload_id":"abc","client_id":"c"}',
  upload_chunk: '{"type":"upload_chunk","upload_id":"abc","chunk_index":4095,"chunk_data":"aGVsbG8="}',
  upload_chunk_bad_base64: '{"type":"upload_chunk","upload_id":"abc","chunk_index":0,"chunk_data":"aGk"}',
  cancel_upload: '{"type":"cancel_upload","upload_id":"abc"}',
  edit_message: '{"type":"edit_message","message_id":300,"new_content":"x"}',
  batch_update: '{"type":"batch_update","updates":[{"type":"typing","is_typing":true},{"a":{"b":[1,2.5,null]}}]}',
  refresh_token: '{"type":"refresh_token","token":"aaa.bbb.ccc"}',
  utf8: '{"type":"chat_message","message":"grüße \u2028 😀"}',
  chunk_cut: '{"type":"upload_chunk","upload_id":"u","chunk_index":7,"chunk_data":"' +
    "QUJD".repeat(300) + '"}',
  chunk_twice: '{"type":"upload_chunk","upload_id":"u","chunk_index":7,"chunk_data":"' +
    "QUJD".repeat(300) + '","chunk_data":"="}',
  chunk_control: '{"type":"upload_chunk","client_id":"c","chunk_data":"' + "QUJD".repeat(300) +
    '\n","upload_id":"u","chunk_index":7}',
  chunk_nested: '{"type":"batch_update","updates":[{"chunk_data":"' + "QUJD".repeat(300) + '"}]}',
};
for (const [name, text] of Object.entries(frames)) save("client_msg", name, text);
