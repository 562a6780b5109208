// SPDX-License-Identifier: MIT
// Every frame a server sends, told apart by `type`, and what a client may send.

export type PresenceStatus = 'online' | 'away' | 'busy' | 'offline';
export type NotificationStatus = 'unread' | 'read' | 'dismissed';
export type ErrorCode =
  | 'AUTHENTICATION_FAILED' | 'RATE_LIMIT_EXCEEDED' | 'INVALID_MESSAGE' | 'PERMISSION_DENIED'
  | 'CHANNEL_NOT_FOUND' | 'MESSAGE_TOO_LARGE' | 'SERVICE_UNAVAILABLE' | 'INTERNAL_ERROR';

export interface Author { id: number; username: string; avatar: string }

export interface Attachment {
  id: number;
  file_name: string;
  file_size: number;
  file_type: string;
  url: string;
}

export interface Message {
  id: number;
  content: string;
  author: Author;
  timestamp: string;
  channel_id: number;
  reply_to: number | null;
  attachments: Attachment[];
}

export interface NotificationBody {
  id: number;
  title: string;
  message: string;
  category: string;
  url: string;
  created_at: string;
}

export interface OnlineUser {
  user_id: number;
  username: string;
  status: PresenceStatus;
  last_seen?: string | null;
}

interface Person { user_id: number; username: string }
interface InChannel { channel_id: number }

export interface ChatEstablished extends Person, InChannel {
  type: 'connection_established';
  endpoint: 'chat';
  channel: string;
  seq: number;
  resumed: boolean;
  online_users: OnlineUser[];
}
export interface NotificationsEstablished extends Person {
  type: 'connection_established';
  endpoint: 'notifications';
  unread_count: number;
}
export interface StatusEstablished extends Person {
  type: 'connection_established';
  endpoint: 'status';
  online_users: OnlineUser[];
}
export type Established = ChatEstablished | NotificationsEstablished | StatusEstablished;

export interface ChatMessageFrame { type: 'chat_message'; message: Message; seq: number; client_id?: string }
export interface EditMessageFrame extends InChannel {
  type: 'edit_message'; message_id: number; new_content: string; user_id: number; edited_at: string; seq: number;
}
export interface DeleteMessageFrame extends InChannel {
  type: 'delete_message'; message_id: number; user_id: number; deleted_at: string; seq: number;
}
export interface TypingFrame extends Person, InChannel { type: 'typing'; is_typing: boolean }
export interface ReadReceiptFrame extends Person, InChannel {
  type: 'read_receipt'; message_id: number; timestamp: string;
}
export interface BatchUpdateFrame extends Person, InChannel {
  type: 'batch_update'; updates: Record<string, unknown>[]; seq: number; timestamp: string;
}
export interface UserJoinedFrame extends Person, InChannel { type: 'user_joined'; timestamp: string }
export interface UserLeftFrame extends Person, InChannel { type: 'user_left'; timestamp: string }
export interface UploadStartedFrame { type: 'upload_started'; upload_id: string; chunk_size: number; received: number[] }
export interface UploadProgressFrame {
  type: 'upload_progress'; upload_id: string; chunk_index: number; received: number; total: number; progress: number;
}
export interface UploadCompleteFrame {
  type: 'upload_complete'; upload_id: string; attachment: Attachment & { sha256: string };
}
export interface UploadCancelledFrame { type: 'upload_cancelled'; upload_id: string }
export interface NotificationFrame { type: 'notification'; notification: NotificationBody }
export interface NotificationUpdateFrame {
  type: 'notification_update'; notification_id: number | null; status: NotificationStatus; unread_count: number;
}
export interface UnreadCountFrame { type: 'unread_count'; count: number }
export interface UserStatusFrame extends Person { type: 'user_status'; status: PresenceStatus; last_seen: string | null }
export interface TokenRefreshedFrame { type: 'token_refreshed'; expires_at: string }
export interface PongFrame { type: 'pong'; timestamp: string }
export interface HeartbeatAckFrame { type: 'heartbeat_ack'; timestamp: string }
export interface ErrorFrame { type: 'error'; error: string; code: ErrorCode; client_id?: string; upload_id?: string }

export type ServerFrame =
  | Established | ChatMessageFrame | EditMessageFrame | DeleteMessageFrame | TypingFrame | ReadReceiptFrame
  | BatchUpdateFrame | UserJoinedFrame | UserLeftFrame | UploadStartedFrame | UploadProgressFrame
  | UploadCompleteFrame | UploadCancelledFrame | NotificationFrame | NotificationUpdateFrame
  | UnreadCountFrame | UserStatusFrame | TokenRefreshedFrame | PongFrame | HeartbeatAckFrame | ErrorFrame;

export type FrameType = ServerFrame['type'];
export type FrameOf<T extends FrameType> = Extract<ServerFrame, { type: T }>;

/** Frames that are kept until the server has them. */
export type DurableFrame =
  | { type: 'chat_message'; message: string; reply_to?: number; attachments?: number[] }
  | { type: 'edit_message'; message_id: number; new_content: string }
  | { type: 'delete_message'; message_id: number };

export type ClientFrame = { type: string; [key: string]: unknown };
