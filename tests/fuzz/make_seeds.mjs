// SPDX-License-Identifier: MIT
// Writes the seed corpora of fuzz_envelope, fuzz_delivery and fuzz_client_msg: one valid sample of
// each kind and a few that are nearly valid. Run after a change of the wire form:
//   node tests/fuzz/make_seeds.mjs
import { mkdirSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const corpus = join(dirname(fileURLToPath(import.meta.url)), "corpus");

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
const message = (id, text, attachments) => [1, id, text, 7, 0, attachments];

const envelopes = {
  open: [1, 1, 7, 1, "general", credentials, "10.0.0.1"],
  open_without_credentials: [1, 1, 7, 2, "", none, "::1"],
  join: [1, 2, 2n ** 64n - 1n, actor, "chat:7", false],
  rejoin: [1, 2, 7, actor, "chat:7", true],
  leave: [1, 3, 7, 42, "bob", "chat:7", true],
  frame: [1, 4, 7, 1, 5000000000n, actor, "chat:7", message("c-1", "hi 😀", [])],
  frame_with_attachments: [
    1, 4, 7, 2, 1, actor, "chat:7",
    message("", "", Array.from({ length: 20 }, (_, i) => 2n ** 53n - 1n - BigInt(i))),
  ],
  http: [1, 5, 7, bin("POST"), bin("/api/token/"), bin("a=1"), bin('{"a":"\xff"}'),
         bin("application/json"), "10.0.0.1", credentials],
  later_version: [2, 4, 7, "whatever", [null]],
  unknown_kind: [1, 6, 7, null],
  one_attachment_too_many: [1, 4, 7, 2, 1, actor, "chat:7", message("", "", Array(21).fill(1))],
};
for (const [name, value] of Object.entries(envelopes)) save("envelope", name, pack(value));
const three = Buffer.concat([pack(envelopes.join), pack(envelopes.frame), pack(envelopes.leave)]);
save("envelope", "three", three);
save("envelope", "three_and_a_half", Buffer.concat([three, pack(envelopes.open).subarray(0, 20)]));
save("envelope", "deep", Buffer.alloc(200, 0x97));

const json = '{"type":"pong","timestamp":"2024-01-01T12:00:00.000Z"}';
const items = {
  granted: [1, 7, actor, "chat:7"],
  refused: [2, 7, 4, 4403],
  joined: [3, 7, "chat:7", 300, json],
  topic: [4, 0, "chat:7", 301, 42, json],
  reply: [5, 7, 1, 5000000000n, json],
  ack: [6, 7, 1, 5000000000n],
  http: [7, 7, 200, bin("application/json"), bin("Set-Cookie: a=b\r\n"), bin('{"a":1}')],
  kick: [8, 0, 42, 4401],
  unknown_kind: [9, 7, 1],
  unknown_close_code: [8, 0, 42, 1000],
};
const section = (list) => [1, 3, 1704110400000n, 5, list];
for (const [name, value] of Object.entries(items)) save("delivery", name, pack(section([value])));
const all = Object.values(items).slice(0, 8);
save("delivery", "all_items", pack(section(all)));
save("delivery", "two_sections", Buffer.concat([pack(section(all)), pack([1, 255, 0, 0, []])]));
save("delivery", "later_version", pack([2, 3, 4, 5, []]));
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
  utf8: '{"type":"chat_message","message":"grüße \u2028 😀"}',
  edit: '{"type":"edit_message","message_id":7,"new_content":"x"}',
  batch: '{"type":"batch_update","updates":[{"a":0.1},{"type":"typing","is_typing":true}]}',
  mark_read: '{"type":"mark_read","message_id":7,"notification_id":8}',
  upload: '{"type":"upload_file","file_name":"a.txt","file_size":5,"file_type":"text/plain",' +
    '"channel_id":7,"post":false}',
  chunk: '{"type":"upload_chunk","upload_id":"u","chunk_index":7,"chunk_data":"aGk="}',
  chunk_cut: '{"type":"upload_chunk","upload_id":"u","chunk_index":7,"chunk_data":"' +
    "QUJD".repeat(300) + '"}',
  chunk_twice: '{"type":"upload_chunk","upload_id":"u","chunk_index":7,"chunk_data":"' +
    "QUJD".repeat(300) + '","chunk_data":"="}',
  chunk_control: '{"type":"upload_chunk","client_id":"c","chunk_data":"' + "QUJD".repeat(300) +
    '\n","upload_id":"u","chunk_index":7}',
  chunk_nested: '{"type":"batch_update","updates":[{"chunk_data":"' + "QUJD".repeat(300) + '"}]}',
  cancel: '{"type":"cancel_upload","upload_id":"u"}',
};
for (const [name, text] of Object.entries(frames)) save("client_msg", name, text);
