// SPDX-License-Identifier: MIT
// One stroke, one weight. They never speak: what they stand on has a label.

const PATHS = {
  send: 'M4 12 20 4l-5 16-4-6z M11 14l9-10',
  attach: 'M20 11.5 12 19.4a5 5 0 0 1-7-7L13 4.5a3.4 3.4 0 0 1 4.8 4.8l-8 7.8a1.7 1.7 0 0 1-2.4-2.4l7.3-7.2',
  bell: 'M6 10a6 6 0 0 1 12 0c0 5 2 6.5 2 6.5H4S6 15 6 10z M10 20a2.2 2.2 0 0 0 4 0',
  search: 'M11 18a7 7 0 1 0 0-14 7 7 0 0 0 0 14z M16.2 16.2 20.5 20.5',
  close: 'M6 6l12 12 M18 6 6 18',
  back: 'M15 5l-7 7 7 7',
  reply: 'M10 6 4 12l6 6 M4.5 12H14a6 6 0 0 1 6 6',
  edit: 'M5 19l1-4L16.5 4.5l3 3L9 18z',
  trash: 'M5 7h14 M9 7V4.5h6V7 M7 7l1 13h8l1-13',
  hash: 'M5 9h15 M4 15h15 M10 4 8 20 M16 4l-2 16',
  lock: 'M6 11h12v9H6z M8.5 11V8a3.5 3.5 0 0 1 7 0v3',
  down: 'M12 5v14 M6 13l6 6 6-6',
  check: 'M5 12.5l4.5 4.5L19 7.5',
  clock: 'M12 20a8 8 0 1 0 0-16 8 8 0 0 0 0 16z M12 8v4.5l3 1.8',
  file: 'M7 3.5h7l4 4V20.5H7z M13.5 3.5V8H18',
  download: 'M12 4v11 M7.5 11 12 15.5 16.5 11 M5 20h14',
  pause: 'M9 6v12 M15 6v12',
  play: 'M8 5.5v13l10.5-6.5z',
  chart: 'M5 20V11 M12 20V4 M19 20v-6',
  sun: 'M12 16.5a4.5 4.5 0 1 0 0-9 4.5 4.5 0 0 0 0 9z M12 2.5v2 M12 19.5v2 M2.5 12h2 M19.5 12h2 M5.3 5.3l1.4 1.4 M17.3 17.3l1.4 1.4 M5.3 18.7l1.4-1.4 M17.3 6.7l1.4-1.4',
  moon: 'M19.5 14.5A8 8 0 0 1 9.5 4.5a8 8 0 1 0 10 10z',
  screen: 'M4 5h16v11H4z M9 20h6 M12 16v4',
  out: 'M14 4H5v16h9 M10 12h10 M16.5 8.5 20 12l-3.5 3.5',
  warning: 'M12 4 2.8 19.5h18.4z M12 10v4.5 M12 17v.3',
  offline: 'M3 3l18 18 M8.5 15a5 5 0 0 1 6.2-.6 M5 11.5a10 10 0 0 1 4.2-2.4 M13 8.7a10 10 0 0 1 6 2.8 M12 19v.2',
  people: 'M9 11.5a3.5 3.5 0 1 0 0-7 3.5 3.5 0 0 0 0 7z M2.5 20a6.5 6.5 0 0 1 13 0 M16 5a3.2 3.2 0 0 1 0 6 M18 14.5a6 6 0 0 1 3.5 5.5',
} as const;

export type IconName = keyof typeof PATHS;

export function Icon({ name, size = 20 }: { name: IconName; size?: number }) {
  return (
    <svg className="icon" width={size} height={size} viewBox="0 0 24 24" fill="none" stroke="currentColor"
      strokeWidth="1.8" strokeLinecap="round" strokeLinejoin="round" aria-hidden="true" focusable="false">
      {PATHS[name].split(/ (?=M)/).map((path) => <path key={path} d={path} />)}
    </svg>
  );
}
