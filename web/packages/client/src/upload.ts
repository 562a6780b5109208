// SPDX-License-Identifier: MIT
import { Emitter } from './emitter.js';
import type { Attachment } from './frames.js';
import { uid } from './uid.js';

export type UploadStatus = 'waiting' | 'sending' | 'paused' | 'done' | 'failed' | 'cancelled';

export interface UploadState {
  status: UploadStatus;
  /** Bytes that the server has. */
  received: number;
  total: number;
  error?: string;
}

export interface UploadOptions {
  /** The server posts a message with the file when it is complete; default true. */
  post?: boolean;
}

export const CHUNK_BYTES = 262_144;

/** One file on its way. */
export class Upload extends Emitter<{ change: UploadState }> {
  readonly localId = uid();
  readonly done: Promise<Attachment>;
  state: UploadState;
  uploadId: string | undefined;
  /** Announced on this socket, so that chunks may go. */
  isStarted = false;
  missing: number[] = [];
  readonly inFlight = new Set<number>();
  #resolve!: (attachment: Attachment) => void;
  #reject!: (error: Error) => void;

  constructor(
    readonly file: File,
    readonly post: boolean,
    private readonly wake: (upload: Upload, wasCancelled: boolean) => void,
  ) {
    super();
    this.state = { status: 'waiting', received: 0, total: file.size };
    this.done = new Promise((resolve, reject) => {
      this.#resolve = resolve;
      this.#reject = reject;
    });
    this.done.catch(() => {});
  }

  get isEnded(): boolean {
    return ['done', 'failed', 'cancelled'].includes(this.state.status);
  }

  pause(): void {
    if (!this.isEnded) {
      this.update({ status: 'paused' });
    }
  }

  resume(): void {
    if (this.state.status === 'paused') {
      this.update({ status: this.isStarted ? 'sending' : 'waiting' });
      this.wake(this, false);
    }
  }

  cancel(): void {
    if (!this.isEnded) {
      this.update({ status: 'cancelled' });
      this.#reject(new Error('cancelled'));
      this.wake(this, true);
    }
  }

  update(change: Partial<UploadState>): void {
    this.state = { ...this.state, ...change };
    this.emit('change', this.state);
  }

  /** The server has these chunks. */
  started(uploadId: string, received: number[]): void {
    const has = new Set(received);
    const count = Math.ceil(this.file.size / CHUNK_BYTES);
    this.uploadId = uploadId;
    this.isStarted = true;
    this.inFlight.clear();
    this.missing = Array.from({ length: count }, (_, index) => index).filter((index) => !has.has(index));
    const bytes = this.file.size - this.missing.reduce((sum, index) => sum + this.sizeOf(index), 0);
    this.update({ received: bytes, ...(this.state.status === 'waiting' && { status: 'sending' }) });
  }

  sizeOf(index: number): number {
    return Math.min(CHUNK_BYTES, this.file.size - index * CHUNK_BYTES);
  }

  /** The socket is gone, or what it knows is in doubt: announce it again. */
  interrupted(): void {
    this.isStarted = false;
    this.inFlight.clear();
    if (this.state.status === 'sending') {
      this.update({ status: 'waiting' });
    }
  }

  completed(attachment: Attachment): void {
    this.update({ status: 'done', received: this.file.size });
    this.#resolve(attachment);
  }

  failed(error: string): void {
    this.update({ status: 'failed', error });
    this.#reject(new Error(error));
  }
}

const PIECE = 0x8000;             // arguments that one call takes

/** The chunk's bytes in base64. */
export async function encodeChunk(file: Blob, index: number): Promise<string> {
  const bytes = new Uint8Array(await file.slice(index * CHUNK_BYTES, (index + 1) * CHUNK_BYTES).arrayBuffer());
  let text = '';
  for (let at = 0; at < bytes.length; at += PIECE) {
    text += String.fromCharCode(...bytes.subarray(at, at + PIECE));
  }
  return btoa(text);
}
