/**
 * The page's only script; its hash is in the Content-Security-Policy. It moves "now", asks for the page again every 2
 * seconds, and makes this one like it. Without it the page shows how things were when it was loaded.
 */
export const PAGE_SCRIPT = `
'use strict';
(() => {
  const find = (id) => document.getElementById(id);
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
    setText(find('clock'), new Date(stale.hidden ? now : heardAt).toISOString().slice(11, 19));
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
    for (const text of document.querySelectorAll('[data-attempt]')) {
      const ahead = Date.parse(text.dataset.attempt) - now;
      setText(text, ahead > 0 ? 'next attempt in ' + roughly(ahead) : 'being tried now');
    }
    for (const text of document.querySelectorAll('[data-next]')) {
      const ahead = Date.parse(text.dataset.next) - now;
      setText(text, ahead >= 0 ? 'in ' + roughly(ahead) : roughly(-ahead) + ' ago');
    }
  };
  // Elements stay what they are and where they are, so that focus, selection and scrolling do.
  const follow = (old, next) => {
    // What is being filled in belongs to the person.
    if (old.nodeName === 'FORM') return;
    for (const name of old.getAttributeNames()) if (!next.hasAttribute(name)) old.removeAttribute(name);
    for (const name of next.getAttributeNames())
      if (old.getAttribute(name) !== next.getAttribute(name)) old.setAttribute(name, next.getAttribute(name));
    const keyed = new Map(Array.from(old.children, (child) => [child.dataset.key, child]));
    const former = Array.from(old.childNodes);
    const wanted = Array.from(next.childNodes, (child, index) => {
      const key = child.dataset?.key;
      const same = key === undefined ? former[index] : keyed.get(key);
      if (same === undefined || same.nodeName !== child.nodeName) return child;
      if (child.nodeType === Node.ELEMENT_NODE) follow(same, child);
      else if (same.data !== child.data) same.data = child.data;
      return same;
    });
    for (const child of former) if (!wanted.includes(child)) child.remove();
    wanted.forEach((child, index) => {
      if (old.childNodes[index] !== child) old.insertBefore(child, old.childNodes[index] ?? null);
    });
  };
  const take = (text) => {
    const next = new DOMParser().parseFromString(text, 'text/html');
    const ahead = Date.parse(next.body.dataset.at) - Date.now();
    // A page that was made for several viewers may be some seconds old, and time does not go back for that.
    if (ahead > aheadMs || ahead < aheadMs - 10000) aheadMs = ahead;
    document.body.dataset.tag = next.body.dataset.tag;
    title = next.title;
    const focused = document.activeElement;
    for (const part of ['header', 'main']) follow(document.querySelector(part), next.querySelector(part));
    // A row that has moved to another place has lost it.
    if (focused !== document.activeElement) focused.focus({ preventScroll: true });
    move();
  };
  const live = find('live');
  const stale = find('stale');
  let title = document.title;
  let heardAt = Date.parse(document.body.dataset.at);
  // What is on the first screen, and on the tab, must not pass for the present.
  const say = (state) => {
    const isLive = state === 'live';
    if (isLive) heardAt = Date.now() + aheadMs;
    setText(live, isLive ? state : state.toLowerCase());
    stale.hidden = isLive;
    const heard = new Date(heardAt).toISOString().slice(0, 19).replace('T', ' ');
    setText(stale, isLive ? '' : state + ': below is how things were at ' + heard + ' UTC');
    document.title = isLive ? title : state + ', ' + title;
  };
  const pause = find('pause');
  let asking;
  let askAtMs = 0;
  let failures = 0;
  const ask = async () => {
    const mine = new AbortController();
    asking = mine;
    try {
      const answer = await fetch(location.href, {
        headers: { 'if-none-match': document.body.dataset.tag },
        signal: AbortSignal.any([mine.signal, AbortSignal.timeout(10000)]),
      });
      if (answer.status === 200) take(await answer.text());
      else if (answer.status !== 304) throw new Error('refused');
      failures = 0;
    } catch {
      failures += 1;
    }
    if (mine.signal.aborted) return;
    asking = undefined;
    say(failures === 0 ? 'live' : 'Connection lost, trying again');
    const waitMs = (document.hidden ? 10000 : 2000) * 2 ** Math.min(failures, 4);
    // Half a tick early, because ticks are never exactly on time.
    askAtMs = performance.now() + waitMs - 500;
  };
  const tick = () => {
    move();
    if (asking === undefined && performance.now() >= askAtMs) ask();
  };
  let timer = 0;
  const start = () => {
    failures = 0;
    askAtMs = 0;
    timer = setInterval(tick, 1000);
    tick();
    pause.textContent = 'Pause';
  };
  const stop = () => {
    clearInterval(timer);
    timer = 0;
    asking?.abort();
    asking = undefined;
    say('Paused');
    pause.textContent = 'Go on';
  };
  document.addEventListener('pointerover', ({ target }) => {
    const time = target.closest?.('time');
    if (time) time.title = new Date(time.dateTime).toLocaleString() + ' where you are';
  });
  pause.hidden = false;
  pause.addEventListener('click', () => (timer === 0 ? start() : stop()));
  document.addEventListener('visibilitychange', () => {
    if (document.hidden || timer === 0) return;
    askAtMs = 0;
    tick();
  });
  start();
})();
`;
