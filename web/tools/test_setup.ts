// SPDX-License-Identifier: MIT
// What Node 18 keeps in modules and newer ones and browsers have as globals.
import { File } from 'node:buffer';
import { webcrypto } from 'node:crypto';

globalThis.crypto ??= webcrypto as Crypto;
globalThis.File ??= File as unknown as typeof globalThis.File;
