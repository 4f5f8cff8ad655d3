/**
 * The page's only script; its hash is in the Content-Security-Policy. It moves "now", and puts in place what `/events`
 * sends. Without it the page shows how things were when it was asked for.
 */
export const PAGE_SCRIPT = `
'use strict';
(() => {
  const find = (id) => document.getElementById(id);
  const rows = find('rows');
  let aheadMs = Date.parse(document.body.dataset.at) - Date.now();
  const units = [['d', 86400000], ['h', 3600000], ['m', 60000], ['s', 1000]];
  const roughly = (ms) => {
    const index = units.findIndex(([, size]) => ms >= size);
    if (index < 0) return '0s';
    const [unit, size] = units[index];
    const next = units[index + 1];
    const whole = Math.floor(ms / size) + unit;
    return next ? whole + ' ' + String(Math.floor((ms % size) / next[1])).padStart(2, '0') + next[0] : whole;
  };
  const setText = (element, text) => {
    if (element.textContent !== text) element.textContent = text;
  };
  const move = () => {
    if (document.hidden) return;
    const now = Date.now() + aheadMs;
    setText(find('clock'), new Date(now).toISOString().slice(11, 19));
    for (const bar of document.querySelectorAll('svg[data-to]')) {
      const from = Date.parse(bar.dataset.from);
      const to = Date.parse(bar.dataset.to);
      const share = to > from ? Math.min(1, Math.max(0, (now - from) / (to - from))) : 1;
      const place = (share * 100).toFixed(2) + '%';
      bar.querySelector('.now').setAttribute('cx', place);
      bar.querySelector('.spent').setAttribute('width', place);
    }
    for (const text of document.querySelectorAll('[data-left]')) {
      const left = Date.parse(text.dataset.left) - now;
      setText(text, left > 0 ? roughly(left) + ' left' : 'expired ' + roughly(-left) + ' ago');
    }
    for (const text of document.querySelectorAll('[data-next]')) {
      const ahead = Date.parse(text.dataset.next) - now;
      setText(text, ahead >= 0 ? 'in ' + roughly(ahead) : roughly(-ahead) + ' ago');
    }
  };
  const parseRow = (text) => {
    const template = document.createElement('template');
    template.innerHTML = text;
    return template.content.firstElementChild;
  };
  const take = (change) => {
    aheadMs = Date.parse(change.at) - Date.now();
    for (const [id, text] of Object.entries(change.regions)) {
      const region = find(id);
      if (region && !region.contains(document.activeElement)) region.innerHTML = text;
    }
    const known = new Map(Array.from(rows.children, (row) => [row.dataset.token, row]));
    const fresh = new Map(change.rows);
    const wanted = change.order.map((token) => {
      const text = fresh.get(token);
      const old = known.get(token);
      if (text === undefined) return old;
      const hadFocus = old !== undefined && old.contains(document.activeElement);
      const row = parseRow(text);
      if (old !== undefined) old.replaceWith(row);
      if (hadFocus) row.querySelector('a')?.focus();
      return row;
    }).filter((row) => row !== undefined);
    const isInOrder = wanted.length === rows.children.length && wanted.every((row, index) => rows.children[index] === row);
    if (!isInOrder) rows.replaceChildren(...wanted);
    document.title = find('headline').textContent + ', ' + document.body.dataset.name;
    find('empty').hidden = wanted.length > 0;
    move();
  };
  const live = find('live');
  const pause = find('pause');
  let source;
  const listen = () => {
    source = new EventSource('/events' + location.search);
    source.addEventListener('open', () => setText(live, 'live'));
    source.addEventListener('view', (event) => take(JSON.parse(event.data)));
    source.addEventListener('error', () => setText(live, 'connection lost, trying again'));
  };
  let timer = 0;
  const start = () => {
    listen();
    move();
    timer = setInterval(move, 1000);
    pause.textContent = 'Pause';
  };
  const stop = () => {
    source.close();
    clearInterval(timer);
    timer = 0;
    setText(live, 'paused');
    pause.textContent = 'Go on';
  };
  pause.hidden = false;
  pause.addEventListener('click', () => (timer === 0 ? start() : stop()));
  start();
})();
`;
