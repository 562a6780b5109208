// SPDX-License-Identifier: MIT
export type * from './api.js';
export { KibrayClient, type KibrayOptions, type Notifications, type Status } from './client.js';
export type { Connection, ConnectionEvents, ConnectionOptions, ConnectionState, ConnectionStatus } from './connection.js';
export type * from './frames.js';
export { HttpError } from './http.js';
export type * from './metrics.js';
export type { Outbox, OutboxEvents, OutboxFailure } from './outbox.js';
export type { OutboxEntry } from './outbox_store.js';
export type { Room, SendOptions } from './room.js';
export type { Session } from './session.js';
export type { Upload, UploadOptions, UploadState, UploadStatus } from './upload.js';
