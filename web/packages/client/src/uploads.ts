// SPDX-License-Identifier: MIT
import type { Connection } from './connection.js';
import type { ErrorFrame, ServerFrame } from './frames.js';
import { encodeChunk, Upload, type UploadOptions } from './upload.js';

const WINDOW = 6;                 // of the server's 8 unanswered chunks
const LATER_MS = 2500;
const ANSWER_MS = 20_000;
const OPEN_MAX = 4;               // of the server's 5; new ones wait
const SAVED_MS = 3_600_000;       // the server forgets what nobody touches for an hour

interface Saved { uploadId: string; at: number }

/** A room's uploads: announced one after the other, their chunks sent with a common window. */
export class Uploads {
  readonly list: Upload[] = [];
  #starting: Upload | null = null;
  #turn = 0;
  #resting: ReturnType<typeof setTimeout> | undefined;
  #answer: ReturnType<typeof setTimeout> | undefined;

  constructor(
    private readonly connection: Connection,
    private readonly room: string,
    private readonly storage: Storage | null,
  ) {
    connection.on('state', ({ status }) => (status === 'open' ? this.#pump() : this.#interrupt()));
    connection.on('frame', (frame) => this.#onFrame(frame));
  }

  /** Send a file. The same one again, after a reload, goes on where it was. */
  add(file: File, { post = true }: UploadOptions = {}): Upload {
    const upload = new Upload(file, post, (changed, wasCancelled) => {
      if (wasCancelled) {
        this.#giveUp(changed);
      } else {
        this.#pump();
      }
    });
    upload.uploadId = this.#saved(upload);
    this.list.push(upload);
    queueMicrotask(() => this.#pump());       // after the caller's listeners are there
    return upload;
  }

  /** Rest, then look again. */
  #rest(ms: number): void {
    this.#resting ??= setTimeout(() => {
      this.#resting = undefined;
      this.#pump();
    }, ms);
  }

  #pump(): void {
    if (!this.connection.isOpen || this.#resting) {
      return;
    }
    this.#announceNext();
    while (this.list.reduce((sum, upload) => sum + upload.inFlight.size, 0) < WINDOW) {
      const able = this.list.filter(({ state, missing }) => state.status === 'sending' && missing.length > 0);
      const upload = able[this.#turn++ % able.length];
      if (!upload) {
        break;
      }
      void this.#sendChunk(upload, upload.missing.shift()!);
    }
    this.#watch();
  }

  #announceNext(): void {
    const open = this.list.filter(({ uploadId }) => uploadId).length;
    const upload = this.list.find(({ state, isStarted, uploadId }) =>
      state.status === 'waiting' && !isStarted && (uploadId || open < OPEN_MAX));
    if (this.#starting || !upload) {
      return;
    }
    if (!this.connection.pacer.take()) {
      this.#rest(this.connection.pacer.waitMs() + 1);
      return;
    }
    this.#starting = upload;
    const { name, size, type } = upload.file;
    const { established } = this.connection;
    this.connection.send({
      type: 'upload_file', file_name: name, file_size: size, file_type: type || 'application/octet-stream',
      channel_id: established?.endpoint === 'chat' ? established.channel_id : 0, post: upload.post,
      upload_id: upload.uploadId, client_id: `${upload.localId}:start`,
    });
  }

  async #sendChunk(upload: Upload, index: number): Promise<void> {
    upload.inFlight.add(index);
    let data: string;
    try {
      data = await encodeChunk(upload.file, index);
    } catch {
      if (!upload.isEnded) {
        upload.failed('It cannot be read.');
        this.#giveUp(upload);
      }
      return;
    }
    if (upload.isStarted && !upload.isEnded && upload.inFlight.has(index)) {
      this.connection.send({
        type: 'upload_chunk', upload_id: upload.uploadId, chunk_index: index, chunk_data: data,
        client_id: `${upload.localId}:${index}`,
      });
    }
  }

  #onFrame(frame: ServerFrame): void {
    if (frame.type === 'error') {
      this.#onError(frame);
    } else if (frame.type === 'upload_started') {
      this.#onStarted(frame.upload_id, frame.received);
    } else if ('upload_id' in frame) {
      const upload = this.list.find(({ uploadId }) => uploadId === frame.upload_id);
      if (!upload || upload.isEnded) {
        return;
      }
      if (frame.type === 'upload_progress') {
        upload.inFlight.delete(frame.chunk_index);
        upload.update({ received: frame.received });
      } else if (frame.type === 'upload_complete') {
        upload.completed(frame.attachment);
        this.#end(upload);
      } else {
        upload.failed('cancelled');             // by another tab
        this.#end(upload);
      }
      this.#pump();
    }
  }

  #onStarted(uploadId: string, received: number[]): void {
    const upload = this.#starting;
    this.#starting = null;
    if (upload?.isEnded) {
      this.connection.send({ type: 'cancel_upload', upload_id: uploadId });
    } else if (upload) {
      upload.started(uploadId, received);
      this.storage?.setItem(this.#key(upload), JSON.stringify({ uploadId, at: Date.now() } satisfies Saved));
    }
    this.#pump();
  }

  #onError(frame: ErrorFrame): void {
    if (frame.code === 'RATE_LIMIT_EXCEEDED') {
      this.#doubt();
      return;
    }
    const [localId, what] = frame.client_id?.split(':') ?? [];
    const upload = this.list.find((one) => (frame.upload_id ? one.uploadId === frame.upload_id : one.localId === localId));
    if (!upload) {
      return;
    }
    const isStart = what === 'start';
    if (isStart) {
      this.#starting = null;
    }
    if (frame.code === 'SERVICE_UNAVAILABLE') {
      upload.interrupted();
      this.#rest(LATER_MS);
    } else if (isStart && upload.uploadId && frame.code === 'INVALID_MESSAGE') {
      upload.uploadId = undefined;              // forgotten: from the beginning
    } else if (!upload.isEnded) {
      upload.failed(frame.error);
      this.#end(upload);
    }
    this.#pump();
  }

  /** Some frame was refused, it is not said which; or an answer did not come: ask what is there. */
  #doubt(): void {
    if (this.#isWaiting) {
      this.#interrupt();
      this.#rest(LATER_MS);
    }
  }

  #interrupt(): void {
    clearTimeout(this.#answer);
    this.#starting = null;
    for (const upload of this.list) {
      upload.interrupted();
    }
  }

  /** For an answer, be it to the whole file. */
  get #isWaiting(): boolean {
    return this.#starting !== null || this.list.some(({ inFlight, state, missing }) =>
      inFlight.size > 0 || (state.status === 'sending' && missing.length === 0));
  }

  #watch(): void {
    clearTimeout(this.#answer);
    if (this.#isWaiting) {
      this.#answer = setTimeout(() => this.#doubt(), ANSWER_MS);
    }
  }

  /** The server need not keep what will not come. */
  #giveUp(upload: Upload): void {
    this.#end(upload);
    if (upload.uploadId && this.connection.pacer.take()) {
      this.connection.send({ type: 'cancel_upload', upload_id: upload.uploadId });
    }
    this.#pump();
  }

  #end(upload: Upload): void {
    this.list.splice(this.list.indexOf(upload), 1);
    this.storage?.removeItem(this.#key(upload));
  }

  #key({ file }: Upload): string {
    return `kibray:upload:${this.room}:${file.name}:${file.size}:${file.lastModified}`;
  }

  #saved(upload: Upload): string | undefined {
    const saved = JSON.parse(this.storage?.getItem(this.#key(upload)) ?? 'null') as Saved | null;
    return saved && Date.now() - saved.at < SAVED_MS && !this.list.some(({ uploadId }) => uploadId === saved.uploadId)
      ? saved.uploadId : undefined;
  }
}
