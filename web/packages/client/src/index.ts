// SPDX-License-Identifier: MIT
export { backoffMs } from './backoff.js';
export { Batcher } from './batcher.js';
export * from './api.js';
export { KibrayClient, Notifications, Status, type KibrayOptions } from './client.js';
export { Connection, type ConnectionEvents, type ConnectionOptions, type ConnectionState, type ConnectionStatus } from './connection.js';
export { Emitter } from './emitter.js';
export * from './frames.js';
export { Http, HttpError } from './http.js';
export { lockBy } from './locks.js';
export * from './metrics.js';
export { Outbox, type OutboxEvents, type OutboxFailure } from './outbox.js';
export { openStore, type OutboxEntry, type OutboxStore } from './outbox_store.js';
export { Pacer } from './pacer.js';
export { Room, type SendOptions } from './room.js';
export { Session } from './session.js';
export { CHUNK_BYTES, Upload, type UploadOptions, type UploadState, type UploadStatus } from './upload.js';
