// SPDX-License-Identifier: MIT
// Files as a client sends them, in chunks on a chat socket.
import { createHash, randomBytes } from 'node:crypto';
import { deflateSync } from 'node:zlib';

export const sha256 = (data) => createHash('sha256').update(data).digest('hex');

/** Bytes of a PDF to whoever looks at them, random otherwise. */
export function pdf(size) {
  const head = Buffer.from('%PDF-1.4\n%\xe2\xe3\xcf\xd3\n', 'latin1');
  return Buffer.concat([head, randomBytes(Math.max(0, size - head.length))]).subarray(0, size);
}

/** Pieces of at most so many bytes. */
export function chunksOf(data, size) {
  const chunks = [];
  for (let at = 0; at < data.length; at += size) {
    chunks.push(data.subarray(at, at + size));
  }
  return chunks;
}

/** Begin (or, with upload_id, go on); resolves to the frame that answers. */
export async function begin(client, fields) {
  client.send({ type: 'upload_file', file_name: 'document.pdf', file_type: 'application/pdf',
    channel_id: client.hello.channel_id, ...fields });
  return client.next((f) => f.type === 'upload_started' || f.type === 'error');
}

export function sendChunk(client, uploadId, index, bytes, extra = {}) {
  client.send({ type: 'upload_chunk', upload_id: uploadId, chunk_index: index,
    chunk_data: bytes.toString('base64'), ...extra });
}

/** One chunk and its answer. */
export async function chunk(client, uploadId, index, bytes) {
  sendChunk(client, uploadId, index, bytes);
  return client.next((f) => (f.type === 'upload_progress' && f.chunk_index === index) || f.type === 'error');
}

/** A whole file, with a window of unanswered chunks; resolves to upload_complete. */
export async function upload(client, data, { size = 65536, window = 4, ...fields } = {}) {
  const started = await begin(client, { file_size: data.length, ...fields });
  if (started.type === 'error') {
    throw new Error(JSON.stringify(started));
  }
  const chunks = chunksOf(data, size);
  let sent = 0;
  for (let answered = 0; answered < chunks.length; answered++) {
    while (sent < chunks.length && sent < answered + window) {
      sendChunk(client, started.upload_id, sent, chunks[sent]);
      sent++;
    }
    const frame = await client.next((f) => f.type === 'upload_progress' || f.type === 'error');
    if (frame.type === 'error') {
      throw new Error(JSON.stringify(frame));
    }
  }
  return client.next((f) => f.type === 'upload_complete' || f.type === 'error');
}

/** Bytes of a PNG picture of noise, so that it does not become small. */
export function png(width, height) {
  const chunkOf = (type, data) => {
    const body = Buffer.concat([Buffer.from(type, 'latin1'), data]);
    const out = Buffer.alloc(body.length + 8);
    out.writeUInt32BE(data.length, 0);
    body.copy(out, 4);
    out.writeUInt32BE(crc32(body), body.length + 4);
    return out;
  };
  const header = Buffer.alloc(13);
  header.writeUInt32BE(width, 0);
  header.writeUInt32BE(height, 4);
  header.set([8, 2], 8);              // 8 bits, RGB
  const rows = Buffer.concat(Array.from({ length: height },
    () => Buffer.concat([Buffer.from([0]), randomBytes(width * 3)])));
  return Buffer.concat([Buffer.from('\x89PNG\r\n\x1a\n', 'latin1'), chunkOf('IHDR', header),
    chunkOf('IDAT', deflateSync(rows)), chunkOf('IEND', Buffer.alloc(0))]);
}

function crc32(data) {
  let crc = 0xffffffff;
  for (const byte of data) {
    crc ^= byte;
    for (let bit = 0; bit < 8; bit++) {
      crc = (crc >>> 1) ^ (crc & 1 ? 0xedb88320 : 0);
    }
  }
  return (crc ^ 0xffffffff) >>> 0;
}

/** The address of POST /api/uploads/ with these parameters. */
export const uploadPath = (params) => `/api/uploads/?${new URLSearchParams(params)}`;
