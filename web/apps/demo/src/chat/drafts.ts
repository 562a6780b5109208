// SPDX-License-Identifier: MIT

/** What was typed in a room and not sent, while the page lives. */
export const drafts = new Map<string, string>();
