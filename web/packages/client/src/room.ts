// SPDX-License-Identifier: MIT
import { Batcher } from './batcher.js';
import { Connection, type ConnectionOptions } from './connection.js';
import type { DurableFrame, ServerFrame } from './frames.js';
import type { WithLock } from './locks.js';
import type { Outbox } from './outbox.js';
import type { OutboxEntry } from './outbox_store.js';
import { ReadMarker } from './read_marker.js';
import { Sender } from './sender.js';
import { TypingSignal } from './typing.js';
import type { Upload, UploadOptions } from './upload.js';
import { Uploads } from './uploads.js';

export interface RoomOptions extends Omit<ConnectionOptions, 'url'> {
  socketUrl: (path: string) => string;
  outbox: Outbox;
  withLock: WithLock;
  storage: Storage | null;
}

export interface SendOptions { replyTo?: number; attachments?: number[] }

/** A chat room: what is said here is kept until the server has it. */
export class Room extends Connection {
  /** The last seq seen: where to go on. Set it from a page of the history before opening. */
  since: number | undefined;
  readonly uploads: Uploads;
  #sender: Sender;
  #outbox: Outbox;
  #gaveSince = false;
  #typing = new TypingSignal((on) => this.sendIfRoom({ type: 'typing', is_typing: on }, on ? 20 : 0));
  #reading = new ReadMarker((id) => this.sendIfRoom({ type: 'read_receipt', message_id: id }, 10));
  #batch = new Batcher((updates) => {
    const wait = this.isOpen ? this.pacer.waitMs() : 1000;
    return wait > 0 || this.sendIfRoom({ type: 'batch_update', updates }, 0) ? wait : 1000;
  });

  /** `key`: a channel's id or name, or direct/<user id>. */
  constructor(readonly key: string, options: RoomOptions) {
    super({ ...options, url: () => this.#url(options.socketUrl) });
    this.#outbox = options.outbox;
    this.#sender = new Sender(this, key, options.outbox, options.withLock);
    this.uploads = new Uploads(this, key, options.storage);
    this.on('state', ({ status }) => (status === 'open' ? this.#reading.reconnected() : this.#typing.reset()));
  }

  say(message: string, { replyTo, attachments }: SendOptions = {}): Promise<OutboxEntry> {
    this.#typing.reset();
    return this.queue({ type: 'chat_message', message, reply_to: replyTo, attachments });
  }

  edit(messageId: number, content: string): Promise<OutboxEntry> {
    return this.queue({ type: 'edit_message', message_id: messageId, new_content: content });
  }

  delete(messageId: number): Promise<OutboxEntry> {
    return this.queue({ type: 'delete_message', message_id: messageId });
  }

  /** Resolves when it is safe, not when it is sent: that is the queue's `change`. */
  async queue(frame: DurableFrame): Promise<OutboxEntry> {
    const entry = await this.#outbox.add(this.key, frame);
    this.#sender.kick();
    return entry;
  }

  keystroke(): void {
    this.#typing.keystroke();
  }

  stopTyping(): void {
    this.#typing.stop();
  }

  markRead(messageId: number): void {
    this.#reading.mark(messageId);
  }

  /** For the others in the room, 100 ms later with what else there is. Not kept over a reload. */
  update(update: object): void {
    this.#batch.add(update);
  }

  upload(file: File, options?: UploadOptions): Upload {
    return this.uploads.add(file, options);
  }

  #url(socketUrl: (path: string) => string): string {
    this.#gaveSince = this.since !== undefined;
    return socketUrl(`chat/${this.key}/`) + (this.#gaveSince ? `?since=${this.since}` : '');
  }

  protected override get isUploading(): boolean {
    return this.uploads.list.some(({ inFlight }) => inFlight.size > 0);
  }

  protected override onFrame(frame: ServerFrame): void {
    if (frame.type === 'connection_established' && frame.endpoint === 'chat') {
      const isMissing = this.#gaveSince && !frame.resumed;
      if (isMissing || this.since === undefined) {
        this.since = frame.seq;
      }
      if (isMissing) {
        this.emit('resync', { seq: frame.seq });
      }
    } else if ('seq' in frame && this.since !== undefined) {
      this.since = Math.max(this.since, frame.seq);
    }
  }
}
