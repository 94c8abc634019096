const paths = {
  overview: 'M3 12h4l3-8 4 16 3-8h4',
  connection: 'M8 7V4m8 3V4M6 7h12v4a6 6 0 0 1-12 0V7Zm6 10v4',
  channel: 'M4 7h11l-3-3m8 13H9l3 3',
  exchange: 'M4 12h6m0 0 6-6h4m-10 6 6 6h4m-3-15 3 3-3 3m0 6 3 3-3 3',
  queue: 'M4 6h16M4 12h16M4 18h10',
  dead: 'M12 3v12m0 0-4-4m4 4 4-4M4 19h16',
  user: 'M12 12a4 4 0 1 0 0-8 4 4 0 0 0 0 8Zm-8 9c0-4 4-6 8-6s8 2 8 6',
  vhost: 'M4 8l8-4 8 4-8 4-8-4Zm0 4 8 4 8-4M4 16l8 4 8-4',
  policy: 'M12 3 4 6v6c0 5 4 8 8 9 4-1 8-4 8-9V6l-8-3Zm-3 9 2 2 4-4',
  definitions: 'M6 3h8l4 4v14H6V3Zm8 0v4h4M9 12h6m-6 4h6',
  log: 'M5 4h14v16H5V4Zm3 4h8m-8 4h8m-8 4h5',
  cluster: 'M5 4h14v6H5V4Zm0 10h14v6H5v-6Zm3-7h.01M8 17h.01',
  search: 'M11 18a7 7 0 1 0 0-14 7 7 0 0 0 0 14Zm9 3-4-4',
  sun: 'M12 16a4 4 0 1 0 0-8 4 4 0 0 0 0 8Zm0-13v2m0 14v2M4.6 4.6 6 6m12 12 1.4 1.4M3 12h2m14 0h2M4.6 19.4 6 18M18 6l1.4-1.4',
  moon: 'M20 14A8 8 0 0 1 10 4a8 8 0 1 0 10 10Z',
  language: 'M12 21a9 9 0 1 0 0-18 9 9 0 0 0 0 18Zm-9-9h18M12 3c3 3 3 15 0 18-3-3-3-15 0-18Z',
  menu: 'M4 7h16M4 12h16M4 17h16',
  close: 'M6 6l12 12M18 6 6 18',
  out: 'M10 4H5v16h5m4-4 4-4-4-4m4 4H9',
  leaf: 'M5 19c0-9 5-14 14-14 0 9-5 14-14 14Zm0 0 7-7',
  plus: 'M12 5v14M5 12h14',
  up: 'M6 14l6-6 6 6',
  down: 'M6 10l6 6 6-6',
  columns: 'M4 5h16v14H4V5Zm5 0v14m6-14v14',
  alarm: 'M12 4 3 20h18L12 4Zm0 6v4m0 3h.01',
} as const;

export type IconName = keyof typeof paths;

export const Icon = ({ name }: { name: IconName }) => (
  <svg class="icon" viewBox="0 0 24 24" aria-hidden="true" focusable="false"><path d={paths[name]} /></svg>
);
