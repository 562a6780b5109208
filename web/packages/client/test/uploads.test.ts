// SPDX-License-Identifier: MIT
// Uploads against a socket that keeps what it gets.
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { CHUNK_BYTES } from '../src/upload.js';
import { FakeSocket, settle } from './fakes.js';
import { browser, openRoom } from './rooms.js';

beforeEach(() => {
  // Not setImmediate: files are read by the real event loop.
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'setInterval', 'clearInterval', 'Date'] });
  FakeSocket.all = [];
});
afterEach(() => void vi.useRealTimers());

const bytes = (size: number) => Uint8Array.from({ length: size }, (_, i) => (i * 31 + (i >> 8)) & 255);
const file = (size: number, name = 'a.bin') => new File([bytes(size)], name, { lastModified: 5 });

interface Announced { upload_id?: string; file_size: number; post: boolean; client_id: string; file_type: string }
interface Chunk { upload_id: string; chunk_index: number; chunk_data: string; client_id: string }
const announced = (socket: FakeSocket) => socket.ofType('upload_file') as unknown as Announced[];
const chunks = (socket: FakeSocket) => socket.ofType('upload_chunk') as unknown as Chunk[];

/** Files are read by the event loop, not by timers. */
async function until(probe: () => boolean): Promise<void> {
  for (let i = 0; i < 500 && !probe(); i++) {
    await new Promise((resolve) => setImmediate(resolve));
    await settle(1);
  }
  expect(probe()).toBe(true);
}

const started = (socket: FakeSocket, id = 'u1', received: number[] = []) =>
  socket.say({ type: 'upload_started', upload_id: id, chunk_size: CHUNK_BYTES, received });

function progress(socket: FakeSocket, chunk: Chunk, received: number, total: number): void {
  socket.say({ type: 'upload_progress', upload_id: chunk.upload_id, chunk_index: chunk.chunk_index, received, total, progress: 0 });
}

const complete = (socket: FakeSocket, id = 'u1') => socket.say({
  type: 'upload_complete', upload_id: id,
  attachment: { id: 9, file_name: 'a.bin', file_size: 1, file_type: 't', url: '/media/attachments/9/a.bin', sha256: '' },
});

describe('sending', () => {
  test('announced, at most six unanswered, byte for byte, complete', async () => {
    const { room, socket } = await openRoom();
    const size = 9 * CHUNK_BYTES + 1234;
    const upload = room.upload(file(size), { post: false });
    await until(() => announced(socket).length === 1);
    expect(announced(socket)[0]).toMatchObject({ file_size: size, post: false, file_type: 'application/octet-stream', channel_id: 7 });
    started(socket);
    await until(() => chunks(socket).length === 6);
    let answered = 0;
    while (answered < 10) {
      progress(socket, chunks(socket)[answered++]!, answered * CHUNK_BYTES, size);
      await until(() => chunks(socket).length === Math.min(10, answered + 6));
    }
    expect(upload.state).toMatchObject({ status: 'sending', total: size });
    complete(socket);
    expect((await upload.done).id).toBe(9);
    const got = Buffer.concat(chunks(socket).map(({ chunk_data }) => Buffer.from(chunk_data, 'base64')));
    expect(got.equals(Buffer.from(bytes(size)))).toBe(true);
    expect(room.uploads.list).toEqual([]);
  });

  test('two files are announced one after the other and share the window', async () => {
    const { room, socket } = await openRoom();
    room.upload(file(8 * CHUNK_BYTES, 'one'));
    room.upload(file(8 * CHUNK_BYTES, 'two'));
    await until(() => announced(socket).length === 1);
    started(socket, 'u1');
    await until(() => announced(socket).length === 2);
    started(socket, 'u2');
    for (let answered = 0; answered < 16; answered++) {
      await until(() => chunks(socket).length === Math.min(16, answered + 6));
      progress(socket, chunks(socket)[answered]!, 1, 2);
    }
    for (const id of ['u1', 'u2']) {
      const indices = chunks(socket).filter((chunk) => chunk.upload_id === id).map((chunk) => chunk.chunk_index);
      expect(indices).toEqual([0, 1, 2, 3, 4, 5, 6, 7]);
    }
  });
});

describe('many', () => {
  test('four are open at a time; the next one is announced when one is done', async () => {
    const { room, socket } = await openRoom();
    for (let i = 0; i < 6; i++) {
      room.upload(file(10, `${i}.bin`));
    }
    for (let i = 0; i < 4; i++) {
      await until(() => announced(socket).length === i + 1);
      started(socket, `u${i}`);
    }
    await until(() => chunks(socket).length === 4);
    await settle(10_000);
    expect(announced(socket).length).toBe(4);
    complete(socket, 'u0');
    await until(() => announced(socket).length === 5);
  });

  test('a file that cannot be read is given up alone', async () => {
    const { room, socket } = await openRoom();
    const bad = file(3 * CHUNK_BYTES, 'bad.bin');
    bad.slice = () => ({ arrayBuffer: () => Promise.reject(new Error('gone')) }) as unknown as Blob;
    const uploads = [room.upload(bad), room.upload(file(10, 'one.bin')), room.upload(file(10, 'two.bin'))];
    for (let i = 0; i < 3; i++) {
      await until(() => announced(socket).length === i + 1);
      started(socket, `u${i}`);
    }
    await until(() => chunks(socket).length === 2);
    expect(uploads[0]!.state.status).toBe('failed');
    expect(socket.ofType('cancel_upload')).toMatchObject([{ upload_id: 'u0' }]);
    expect(room.uploads.list).toEqual(uploads.slice(1));
    complete(socket, 'u1');
    complete(socket, 'u2');
    expect(uploads.slice(1).map(({ state }) => state.status)).toEqual(['done', 'done']);
  });

  test('the same file twice is two uploads', async () => {
    const { room, socket } = await openRoom();
    const same = file(10);
    room.upload(same);
    await until(() => announced(socket).length === 1);
    started(socket, 'u1');
    room.upload(same);
    await until(() => announced(socket).length === 2);
    expect(announced(socket)[1]!.upload_id).toBe(undefined);
  });

  test('a whole file without a word about it is asked for', async () => {
    const { room, socket } = await openRoom();
    room.upload(file(10));
    await until(() => announced(socket).length === 1);
    started(socket);
    await until(() => chunks(socket).length === 1);
    progress(socket, chunks(socket)[0]!, 10, 10);
    await settle(30_000);
    expect(announced(socket)[1]).toMatchObject({ upload_id: 'u1' });
  });
});

describe('interruptions', () => {
  test('after a break only what the server has not got', async () => {
    const { room, socket } = await openRoom();
    const upload = room.upload(file(4 * CHUNK_BYTES));
    await until(() => announced(socket).length === 1);
    started(socket);
    await until(() => chunks(socket).length === 4);
    socket.end();
    expect(upload.state.status).toBe('waiting');
    await settle(1000);
    const next = FakeSocket.last;
    next.hello();
    await until(() => announced(next).length === 1);
    expect(announced(next)[0]!.upload_id).toBe('u1');
    started(next, 'u1', [0, 2]);
    expect(upload.state.received).toBe(2 * CHUNK_BYTES);
    await until(() => chunks(next).length === 2);
    expect(chunks(next).map((chunk) => chunk.chunk_index)).toEqual([1, 3]);
    complete(next);
    expect(upload.state.status).toBe('done');
  });

  test('after a reload the same file goes on; one the server has forgotten begins anew', async () => {
    const of = browser();
    const first = await openRoom({ of });
    first.room.upload(file(2 * CHUNK_BYTES));
    await until(() => announced(first.socket).length === 1);
    started(first.socket, 'kept');
    await settle();
    const second = await openRoom({ of });
    second.room.upload(file(2 * CHUNK_BYTES, 'another'));
    await until(() => announced(second.socket).length === 1);
    expect(announced(second.socket)[0]!.upload_id).toBeUndefined();
    started(second.socket, 'other');
    const upload = second.room.upload(file(2 * CHUNK_BYTES));
    await until(() => announced(second.socket).length === 2);
    expect(announced(second.socket)[1]!.upload_id).toBe('kept');
    second.socket.say({ type: 'error', error: 'x', code: 'INVALID_MESSAGE', client_id: announced(second.socket)[1]!.client_id });
    await until(() => announced(second.socket).length === 3);
    expect(announced(second.socket)[2]!.upload_id).toBeUndefined();
    expect(upload.isEnded).toBe(false);
  });

  test('pause and go on, cancel', async () => {
    const { room, socket } = await openRoom();
    const upload = room.upload(file(12 * CHUNK_BYTES));
    await until(() => announced(socket).length === 1);
    started(socket);
    await until(() => chunks(socket).length === 6);
    upload.pause();
    for (let i = 0; i < 6; i++) {
      progress(socket, chunks(socket)[i]!, i, 12);
    }
    await settle(30_000);
    expect(chunks(socket).length).toBe(6);
    upload.resume();
    await until(() => chunks(socket).length === 12);
    upload.cancel();
    expect(socket.sent.at(-1)).toEqual({ type: 'cancel_upload', upload_id: 'u1' });
    await expect(upload.done).rejects.toThrow('cancelled');
  });

  test('a pause over a break is still a pause', async () => {
    const { room, socket } = await openRoom();
    const upload = room.upload(file(2 * CHUNK_BYTES));
    await until(() => announced(socket).length === 1);
    upload.pause();
    started(socket);
    socket.end();
    await settle(1000);
    FakeSocket.last.hello();
    await settle(1000);
    expect(announced(FakeSocket.last)).toEqual([]);
    upload.resume();
    await until(() => announced(FakeSocket.last).length === 1);
  });
});

describe('refusals', () => {
  test('a definite one is told', async () => {
    const { room, socket } = await openRoom();
    const upload = room.upload(file(10));
    await until(() => announced(socket).length === 1);
    socket.say({ type: 'error', error: 'Not this type.', code: 'INVALID_MESSAGE', client_id: announced(socket)[0]!.client_id });
    expect(upload.state).toMatchObject({ status: 'failed', error: 'Not this type.' });
    await expect(upload.done).rejects.toThrow('Not this type.');
  });

  test.each(['SERVICE_UNAVAILABLE', 'RATE_LIMIT_EXCEEDED'])('%s: asked again what is there', async (code) => {
    const { room, socket } = await openRoom();
    room.upload(file(3 * CHUNK_BYTES));
    await until(() => announced(socket).length === 1);
    started(socket);
    await until(() => chunks(socket).length === 3);
    socket.say({ type: 'error', error: '', code, ...(code === 'SERVICE_UNAVAILABLE' && { client_id: chunks(socket)[1]!.client_id }) });
    await settle(3000);
    await until(() => announced(socket).length === 2);
    expect(announced(socket)[1]!.upload_id).toBe('u1');
    expect(room.pacer.limit).toBe(60);      // bytes of files teach nothing about messages
  });

  test('one of the whole file, after its last chunk: told, and not sent again', async () => {
    const { room, socket } = await openRoom();
    const upload = room.upload(file(10));
    await until(() => announced(socket).length === 1);
    started(socket);
    await until(() => chunks(socket).length === 1);
    progress(socket, chunks(socket)[0]!, 10, 10);
    socket.say({ type: 'error', error: 'Not what it says.', code: 'INVALID_MESSAGE', upload_id: 'u1' });
    expect(upload.state).toMatchObject({ status: 'failed', error: 'Not what it says.' });
    await expect(upload.done).rejects.toThrow('Not what it says.');
    await vi.advanceTimersByTimeAsync(120_000);
    expect(announced(socket).length).toBe(1);
  });

  test('silence is asked, too', async () => {
    const { room, socket } = await openRoom();
    room.upload(file(CHUNK_BYTES));
    await until(() => announced(socket).length === 1);
    started(socket);
    await until(() => chunks(socket).length === 1);
    await settle(25_000);
    expect(announced(socket).length).toBe(2);
  });
});
