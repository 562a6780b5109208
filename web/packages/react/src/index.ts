// SPDX-License-Identifier: MIT
export type { ChatState, Receipt } from './chat_store.js';
export type { ChatMessage } from './messages.js';
export type { NotificationsState } from './notifications_store.js';
export { KibrayProvider, type KibrayProviderProps, useKibray, useRoom } from './provider.js';
export type { StatusState } from './status_store.js';
export type { Typist } from './typists.js';
export type { UploadItem } from './uploads_store.js';
export { type Chat, useChat } from './use_chat.js';
export { useConnection } from './use_connection.js';
export { useNotifications } from './use_notifications.js';
export { useSession } from './use_session.js';
export { useStatus } from './use_status.js';
export { useUpload } from './use_upload.js';
