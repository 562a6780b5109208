// SPDX-License-Identifier: MIT
// Finding the name that is being typed after an @.

export interface Mention { start: number; query: string }

export function mentionAt(text: string, caret: number): Mention | null {
  const match = /(?:^|[^\w@])@([\w.+-]*)$/.exec(text.slice(0, caret));
  return match ? { start: caret - match[1]!.length - 1, query: match[1]! } : null;
}

const MOST = 6;

export function suggestionsFor(query: string, names: string[]): string[] {
  const wanted = query.toLowerCase();
  return names.filter((name) => name.toLowerCase().startsWith(wanted)).slice(0, MOST);
}

/** The text with the name put in, and where the caret goes. */
export function complete(text: string, { start, query }: Mention, name: string): { text: string; caret: number } {
  const put = `@${name} `;
  const after = text.slice(start + 1 + query.length).replace(/^ /, '');
  return { text: text.slice(0, start) + put + after, caret: start + put.length };
}
