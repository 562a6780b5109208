// SPDX-License-Identifier: MIT
// A message's text as it was typed: only addresses and mentions are more than text.
import { Fragment, type ReactNode } from 'react';

const PARTS = /(https?:\/\/[^\s<>"]+[^\s<>".,;:!?)\]'])|(?<![\w@])(@[\w.+-]{1,150}(?<![.+-]))/gu;

export function Text({ text, me }: { text: string; me: string }) {
  const parts: ReactNode[] = [];
  let from = 0;
  for (const match of text.matchAll(PARTS)) {
    const [whole, address, mention] = match;
    parts.push(text.slice(from, match.index));
    parts.push(address
      ? <a href={address} target="_blank" rel="noopener noreferrer nofollow">{whole}</a>
      : <span className={mention === `@${me}` ? 'mention mention-me' : 'mention'}>{whole}</span>);
    from = match.index + whole.length;
  }
  parts.push(text.slice(from));
  return <>{parts.map((part, i) => <Fragment key={i}>{part}</Fragment>)}</>;
}
