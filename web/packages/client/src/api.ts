// SPDX-License-Identifier: MIT
import type { Message, NotificationBody, NotificationStatus } from './frames.js';
import type { Http } from './http.js';
import type { Metrics, MetricsHistory } from './metrics.js';

export interface User {
  id: number;
  username: string;
  first_name: string;
  last_name: string;
  email: string;
  is_staff: boolean;
  avatar: string;
}

export interface Channel {
  id: number;
  name: string;
  kind: 'group' | 'direct';
  is_private: boolean;
  is_member: boolean;
  role: 'owner' | 'member' | null;
  members: number[] | null;
  last_seq: number;
  unread_count: number;
  last_message: Message | null;
}

export interface MessagePage {
  /** Newest first. */
  results: Message[];
  next: string | null;
  seq: number;
  edited: Record<string, string>;
  deleted: Record<string, string>;
}

export interface Notification extends NotificationBody { status: NotificationStatus }
export interface NotificationPage { results: Notification[]; next: string | null }
export interface Device { id: number; device_type: 'web' | 'android' | 'ios'; created_at: string; token: string }
export interface Preferences {
  push_enabled: boolean;
  categories: Record<string, boolean>;
  quiet_start: string | null;
  quiet_end: string | null;
  time_zone: string;
}
export interface PageOptions { before?: number; after?: number; limit?: number }

const query = (values: object) => {
  const given = Object.entries(values).filter(([, value]) => value !== undefined);
  return given.length > 0 ? `?${new URLSearchParams(given.map(([name, value]) => [name, `${value}`]))}` : '';
};

const DEVICES = 'api/notifications/devices/';
const PREFERENCES = 'api/notifications/preferences/';

/** The HTTP routes, typed. */
export class Api {
  constructor(private readonly http: Http) {}

  me = () => this.http.json<User>('GET', 'api/users/me/');
  channels = () => this.http.json<Channel[]>('GET', 'api/channels/');
  createChannel = (name: string, options: { is_private?: boolean; members?: number[] } = {}) =>
    this.http.json<Channel>('POST', 'api/channels/', { name, ...options });
  addMember = (channel: number, user: number) =>
    this.http.json<void>('POST', `api/channels/${channel}/members/`, { user_id: user });
  removeMember = (channel: number, user: number) =>
    this.http.json<void>('DELETE', `api/channels/${channel}/members/`, { user_id: user });

  history = (channel: number, page: PageOptions = {}) =>
    this.http.json<MessagePage>('GET', `api/channels/${channel}/messages/${query(page)}`);
  search = (channel: number, q: string, page: PageOptions = {}) =>
    this.http.json<MessagePage>('GET', `api/channels/${channel}/search/${query({ q, ...page })}`);
  /** The address that a page gave as its `next`. */
  next = <Page = MessagePage>(address: string) => this.http.json<Page>('GET', address);

  notifications = (options: { unread?: 1; before?: number; limit?: number } = {}) =>
    this.http.json<NotificationPage>('GET', `api/notifications/${query(options)}`);
  preferences = () => this.http.json<Preferences>('GET', PREFERENCES);
  changePreferences = (change: Partial<Preferences>) => this.http.json<Preferences>('PATCH', PREFERENCES, change);
  devices = () => this.http.json<Device[]>('GET', DEVICES);
  addDevice = (token: string, type: Device['device_type']) =>
    this.http.json<Device>('POST', DEVICES, { token, device_type: type });
  removeDevice = (token: string) => this.http.json<void>('DELETE', DEVICES, { token });
  testNotification = () => this.http.json<{ devices: number }>('POST', `${DEVICES}test_notification/`, {});
  vapidKey = () => this.http.json<{ public_key: string }>('GET', 'api/notifications/vapid-key/');

  metrics = () => this.http.json<Metrics>('GET', 'api/websocket/metrics/');
  metricsHistory = (hours: number) =>
    this.http.json<MetricsHistory>('GET', `api/websocket/metrics/history/${query({ hours })}`);

  /** A file as blob: URL, for an <img> or a download: those cannot send the token. Revoke it. */
  fileUrl = async (url: string, options: { thumbnail?: boolean } = {}): Promise<string> => {
    const response = await this.http.send('GET', url + query({ thumbnail: options.thumbnail ? 1 : undefined }));
    return URL.createObjectURL(await response.blob());
  };
}
