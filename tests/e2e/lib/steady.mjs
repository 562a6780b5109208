// SPDX-License-Identifier: MIT
// Clients as an application would write them: they come back when they are cut off, and send again
// what nobody acknowledged. They keep a record for the test to check.
import { setTimeout as delay } from 'node:timers/promises';
import { Client } from './client.mjs';

const RETRY_MS = 200;
const ACKNOWLEDGE_MS = 6000;        // the server itself gives up after 5 s

/** Connect until it succeeds or `isStopped()`; `pickGateway()` is asked before every try. */
async function connect(system, room, user, pickGateway, isStopped, since) {
  while (!isStopped()) {
    try {
      return await Client.chat(system, room, { user, gateway: pickGateway(), since });
    } catch {
      await delay(RETRY_MS);
    }
  }
  return null;
}

/** Sends messages one after the other, each until it is acknowledged by its own copy. */
export class Sender {
  acknowledged = new Map();         // client_id → the sender's own copy
  #client = null;
  #tries = 0;
  #isStopped = false;

  constructor(system, room, user, name) {
    Object.assign(this, { system, room, user, name });
  }

  async #connected() {
    if (!this.#client?.isOpen) {
      const pick = () => this.#tries++ % this.system.info.urls.length;
      this.#client = await connect(this.system, this.room, this.user, pick, () => this.#isStopped);
    }
    return this.#client;
  }

  async send(number) {
    const clientId = `${this.name}-${number}`;
    while (!this.#isStopped) {
      const client = await this.#connected();
      if (!client) {
        return;
      }
      client.sendChat(`${this.name} says ${number}`, { client_id: clientId });
      const answer = await client.next((frame) => frame.client_id === clientId, ACKNOWLEDGE_MS).catch(() => null);
      if (answer?.type === 'chat_message') {
        this.acknowledged.set(clientId, answer);
        return;
      }
      await delay(RETRY_MS);
    }
  }

  async stop() {
    this.#isStopped = true;
    await this.#client?.close();
  }
}

/** Stays in a room on one gateway. Each connection is a session: { client } with its frames. */
export class Receiver {
  sessions = [];
  #isStopped = false;

  constructor(system, room, user, gateway) {
    Object.assign(this, { system, room, user, gateway });
    this.running = this.#run();
  }

  async #run() {
    while (!this.#isStopped) {
      const client = await connect(this.system, this.room, this.user, () => this.gateway, () => this.#isStopped);
      if (client) {
        this.sessions.push(client);
        await client.closed;
      }
    }
  }

  get current() {
    const last = this.sessions.at(-1);
    return last?.isOpen ? last : null;
  }

  async stop() {
    this.#isStopped = true;
    await this.current?.close();
    await this.running;
  }
}

/**
 * Stays in a room and comes back with since=, on any gateway; is cut off by the test now and then.
 * Keeps every content frame of all its connections in one list.
 */
export class Returner {
  frames = [];
  cuts = 0;
  isWhole = true;                   // no answer said resumed: false
  #client = null;
  #isStopped = false;
  #tries = 0;

  constructor(system, room, user) {
    Object.assign(this, { system, room, user });
    this.running = this.#run();
  }

  async #run() {
    let since;
    while (!this.#isStopped) {
      const pick = () => this.#tries++ % this.system.info.urls.length;
      const client = await connect(this.system, this.room, this.user, pick, () => this.#isStopped, since);
      if (!client) {
        return;
      }
      this.first ??= client.hello.seq;
      this.isWhole &&= since === undefined || client.hello.resumed;
      this.#client = client;
      await client.closed;
      this.frames.push(...client.frames.filter((frame) => frame.type === 'chat_message'));
      since = this.frames.at(-1)?.seq ?? this.first;
    }
  }

  get isConnected() {
    return this.#client?.isOpen ?? false;
  }

  get lastSeq() {
    return this.#client?.frames.findLast((frame) => frame.seq !== undefined)?.seq;
  }

  /** As a network would: no close frame in either direction. */
  cut() {
    this.cuts++;
    this.#client?.socket.terminate();
  }

  async stop() {
    this.#isStopped = true;
    await this.#client?.close();
    await this.running;
  }
}
