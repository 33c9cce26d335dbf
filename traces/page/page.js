// Following, filtering, zooming, and the panel of one event. The page shows everything without this script. The text of a trace
// is only ever inserted as text, never as markup.
'use strict';
(() => {
  const $ = id => document.getElementById(id);
  const clamp = (n, least, most) => Math.max(least, Math.min(most, n));
  const make = (name, text, attributes = {}) => {
    const element = document.createElement(name);
    if (text !== undefined) element.textContent = text;
    for (const key in attributes) element.setAttribute(key, attributes[key]);
    return element;
  };
  const draw = (name, attributes) => {
    const element = document.createElementNS('http://www.w3.org/2000/svg', name);
    for (const key in attributes) element.setAttribute(key, attributes[key]);
    return element;
  };
  const least_zoom = .25, most_zoom = 40; // pixels of half an event

  // ---- one side: a picture and its list

  class Side {
    constructor(section) {
      const data = JSON.parse(section.querySelector('.data').textContent);
      this.section = section;
      this.letter = section.dataset.letter;
      this.ids = data.ids;
      this.lanes = data.lanes;
      this.top = data.top;
      this.row = data.row;
      this.unit = data.unit;
      this.events = data.events.map(([lane, actor, ids, causes, details], index) => ({ index, lane, actor, ids, causes, details, effects: [] }));
      for (const e of this.events) for (const cause of e.causes) this.events[cause].effects.push(e.index);
      this.rows = [...section.querySelectorAll('.list tbody tr')];
      this.pieces = [...section.querySelectorAll('.piece')];
      this.chart = section.querySelector('.chart');
      this.along = section.querySelector('.along');
      this.scroll = section.querySelector('.scroll');
      this.names = [...section.querySelectorAll('.name')];
      this.shared = this.names.map((name, lane) => this.lanes[lane].length > 1 && name.querySelector('.id').textContent);
      this.glyphs = [...section.querySelectorAll('.at')].map(g => ({ g, x: +g.dataset.x, y: +g.dataset.y }));
      this.hot = draw('path', { class: 'hot', fill: 'none', 'stroke-width': 8, 'stroke-linecap': 'round', 'vector-effect': 'non-scaling-stroke' });
      this.chosen = draw('circle', { class: 'chosen', r: 10, 'stroke-width': 2, display: 'none' });
      this.along.append(this.hot);
      this.chart.append(this.chosen);
      // The tooltips of the script replace those of the browser.
      for (const title of section.querySelectorAll('.chart title')) {
        title.parentNode.setAttribute('aria-label', title.textContent);
        title.remove();
      }
    }
    text(index) { // computed on demand, because it is slow for a long list
      this.texts ??= this.rows.map(row => row.textContent.toLowerCase());
      return this.texts[index];
    }
    y(lane) { return this.top + lane * this.row + this.row / 2; }
    x(index) { return (2 * index + 1) * this.unit; }
    zoom(unit) {
      this.unit = unit;
      this.along.setAttribute('transform', `scale(${unit} 1)`);
      this.chart.setAttribute('width', Math.ceil((2 * this.events.length + 2) * unit));
      let free = -Infinity;
      for (const { g, x, y } of this.glyphs) {
        g.setAttribute('transform', `translate(${x * unit} ${y})`);
        if (!g.classList.contains('time')) continue;
        g.lastChild.setAttribute('display', x * unit < free ? 'none' : 'inline');
        if (x * unit >= free) free = x * unit + 66;
      }
      this.mark_chosen();
    }
    room() { return this.scroll.clientWidth - this.chart.parentNode.previousElementSibling.offsetWidth; }
    // Shows only the events that `wanted` accepts, or all if it is null. Returns their number.
    show(wanted, lit) {
      this.found = wanted ? this.events.filter(wanted) : this.events;
      if (wanted) for (const row of this.rows) row.hidden = true;
      for (const e of this.found) this.rows[e.index].hidden = false;
      // A piece outside the visible area keeps the height of all its rows.
      for (const piece of this.pieces) {
        piece.hidden = !piece.querySelector('tbody tr:not([hidden])');
        piece.style.contentVisibility = this.found.length < 2000 ? 'visible' : '';
      }
      const path = wanted ? this.found.filter(e => e.lane >= 0).map(e => `M${2 * e.index + 1} ${this.y(e.lane)}h0`) : [];
      this.hot.setAttribute('d', path.join(''));
      this.section.classList.toggle('dimmed', !!wanted);
      this.names.forEach((name, lane) => {
        const who = wanted ? this.lanes[lane].find(id => lit(this.ids[id])) : undefined;
        name.classList.toggle('lit', who !== undefined);
        name.setAttribute('aria-pressed', who !== undefined);
        if (this.shared[lane]) name.querySelector('.id').textContent = who === undefined ? this.shared[lane] : `${this.ids[who]}, ${this.lanes[lane].length - 1} more`;
      });
      return this.found.length;
    }
    // The event under a point of the picture, or undefined.
    at(x, y) {
      const lane = Math.floor((y - this.top) / this.row), middle = (x / this.unit - 1) / 2;
      const reach = Math.max(1, Math.ceil(9 / (2 * this.unit)));
      let best, distance = Infinity;
      for (let i = Math.max(0, Math.round(middle) - reach); i <= Math.min(this.events.length - 1, Math.round(middle) + reach); ++i) {
        if (this.events[i].lane !== lane || Math.abs(i - middle) >= distance) continue;
        best = this.events[i];
        distance = Math.abs(i - middle);
      }
      return distance * 2 * this.unit < 12 ? best : undefined;
    }
    mark_chosen(event) {
      if (event !== undefined) this.chosen_event = event;
      const e = this.chosen_event;
      this.chosen.setAttribute('display', e && e.lane >= 0 ? 'inline' : 'none');
      if (e && e.lane >= 0) this.chosen.setAttribute('transform', `translate(${this.x(e.index)} ${this.y(e.lane)})`);
    }
    in_view(index) {
      const x = this.x(index) - this.scroll.scrollLeft;
      return x >= 40 && x <= this.room() - 40;
    }
    bring_into_view(index) {
      if (!this.in_view(index)) this.scroll.scrollLeft = this.x(index) - this.room() * .6;
      if (this.events[index].lane >= 0) this.bring_lane_into_view(this.events[index].lane);
    }
    bring_lane_into_view(lane) {
      const y = this.y(lane), top = this.scroll.scrollTop, room = this.scroll.clientHeight;
      if (y < top + this.row || y > top + room - this.row) this.scroll.scrollTop = y - room / 2;
    }
  }

  const sides = [...document.querySelectorAll('.side')].filter(s => s.querySelector('.data')).map(s => new Side(s));
  if (!sides.length) return;
  const total = sides.reduce((n, side) => n + side.events.length, 0);
  document.documentElement.classList.toggle('large', total > 2000);
  $('tools').hidden = false;

  // ---- filtering and following

  let followed = null;
  function show() {
    const words = $('filter').value.toLowerCase().split(/\s+/).filter(Boolean);
    let count = 0;
    for (const side of sides) {
      const id = followed === null ? -2 : side.ids.indexOf(followed);
      const wanted = followed === null && !words.length ? null
        : e => (id === -2 || e.ids.includes(id)) && words.every(word => side.text(e.index).includes(word));
      count += side.show(wanted, name => name === followed);
    }
    $('count').textContent = followed === null && !words.length ? '' : `${count} of ${total}`;
    $('following').hidden = followed === null;
    $('followed').textContent = followed === null ? '' : `following ${followed}`;
    for (const chip of $('panel').querySelectorAll('.ids button')) chip.setAttribute('aria-pressed', chip.textContent === followed);
  }
  function follow(id) {
    followed = id;
    show();
    if (id === null) return;
    const seen = sides.find(side => side.found.length);
    if (seen && !seen.found.some(e => seen.in_view(e.index))) seen.bring_into_view(seen.found[0].index);
    for (const side of sides) {
      const lane = side.names.findIndex(name => name.classList.contains('lit'));
      if (lane >= 0) side.bring_lane_into_view(lane);
    }
  }
  let waiting = 0;
  $('filter').addEventListener('input', () => {
    clearTimeout(waiting);
    total > 2000 ? waiting = setTimeout(show, 120) : show();
  });
  $('unfollow').addEventListener('click', () => follow(null));

  // ---- one event

  function link_to(side, index) {
    const item = make('li'), cells = side.rows[index].cells;
    const link = make('a', cells[0].textContent, { href: '#' + side.rows[index].id });
    item.append(link, ' ' + cells[3].firstChild.textContent);
    return item;
  }
  function list_of(panel, side, title, indices) {
    if (!indices.length) return;
    const list = make('ul');
    for (const i of indices.slice(0, 8)) list.append(link_to(side, i));
    if (indices.length > 8) list.append(make('li', `… and ${indices.length - 8} more`));
    panel.append(make('h3', title), list);
  }
  function choose(side, index, then_follow) {
    for (const other of sides) {
      other.mark_chosen(other === side ? side.events[index] : null);
      for (const row of other.section.querySelectorAll('.picked')) row.classList.remove('picked');
    }
    const e = side.events[index], row = side.rows[index], panel = $('panel');
    row.classList.add('picked');
    panel.replaceChildren();
    const title = make('h2', row.cells[2].textContent + ' ');
    title.append(make('span', `${row.cells[0].textContent} · ${row.cells[1].textContent} ms`));
    const close = make('button', '✕', { class: 'close', type: 'button', 'aria-label': 'Close' });
    close.addEventListener('click', leave);
    panel.append(close, title, make('p', row.cells[3].firstChild.textContent));
    for (const broken of row.cells[3].querySelectorAll('p')) panel.append(make('p', broken.textContent, { class: 'violated' }));
    const ids = make('div', undefined, { class: 'ids', role: 'group', 'aria-label': 'Follow' });
    for (const id of e.ids) {
      const chip = make('button', side.ids[id], { type: 'button', 'aria-pressed': false });
      chip.addEventListener('click', () => follow(followed === side.ids[id] ? null : side.ids[id]));
      ids.append(chip);
    }
    panel.append(ids);
    if (e.details.length) {
      const details = make('dl');
      for (let i = 0; i < e.details.length; i += 2) details.append(make('dt', e.details[i]), make('dd', e.details[i + 1]));
      panel.append(details);
    }
    list_of(panel, side, 'because of', e.causes);
    list_of(panel, side, 'led to', e.effects);
    panel.hidden = false;
    side.bring_into_view(index);
    then_follow && e.ids.length ? follow(side.ids[e.ids[0]]) : show();
  }
  function leave() {
    for (const side of sides) {
      side.mark_chosen(null);
      for (const row of side.section.querySelectorAll('.picked')) row.classList.remove('picked');
    }
    $('panel').hidden = true;
    follow(null);
  }

  // Anchors: "#e61" is event 61 of the first side, "#te61" of the twin; with m instead of e its mark.
  function place_of(hash) {
    const match = /^#(t?)[em](\d+)$/.exec(hash);
    const side = match && sides.find(s => s.letter === match[1]);
    return side && +match[2] < side.events.length ? [side, +match[2]] : null;
  }
  document.addEventListener('click', click => {
    const link = click.target.closest('a[href^="#"]');
    const place = link && place_of(link.getAttribute('href'));
    if (!place) return;
    const from_picture = link.closest('.chart');
    if (from_picture) click.preventDefault(); // the listener of the picture handles it
    else choose(...place, false);
  });
  addEventListener('hashchange', () => {
    const place = place_of(location.hash);
    if (place) choose(...place, false);
  });

  for (const side of sides) {
    side.section.querySelector('.list').addEventListener('click', click => {
      const row = click.target.closest('tbody tr');
      if (!row || click.target.closest('a') || String(getSelection())) return;
      const before = row.getBoundingClientRect().top;
      choose(side, side.rows.indexOf(row), true);
      scrollBy(0, row.getBoundingClientRect().top - before); // keeps the row under the pointer while the list shrinks
    });
    side.names.forEach((name, lane) => {
      name.setAttribute('tabindex', 0);
      name.setAttribute('role', 'button');
      const id = side.ids[side.lanes[lane][0]];
      const toggle = () => side.lanes[lane].length === 1 && follow(followed === id ? null : id);
      name.addEventListener('click', toggle);
      name.addEventListener('keydown', key => (key.key === 'Enter' || key.key === ' ') && (key.preventDefault(), toggle()));
    });
  }

  // ---- pointer and keys in the picture

  const tip = $('tip');
  function point(side, event, x, y) {
    tip.hidden = !event;
    if (!event) return;
    const cells = side.rows[event.index].cells;
    tip.replaceChildren(make('b', `${cells[0].textContent} ${cells[2].textContent}`), make('span', cells[3].firstChild.textContent));
    tip.style.left = clamp(x + 14, 8, innerWidth - tip.offsetWidth - 8) + 'px';
    tip.style.top = (y + 18 + tip.offsetHeight > innerHeight ? y - 14 - tip.offsetHeight : y + 18) + 'px';
  }
  function zoom(unit, side = sides[0], at = side.room() / 2) {
    unit = clamp(unit, least_zoom, most_zoom);
    const kept = (side.scroll.scrollLeft + at) / side.unit;
    for (const one of sides) one.zoom(unit);
    for (const one of sides) one.scroll.scrollLeft = kept * unit - at;
  }
  const fitting = () => Math.min(...sides.map(side => side.room() / (2 * side.events.length + 2)));
  $('in').addEventListener('click', () => zoom(sides[0].unit * 1.5));
  $('out').addEventListener('click', () => zoom(sides[0].unit / 1.5));
  $('fit').addEventListener('click', () => zoom(fitting()));

  for (const side of sides) {
    const { scroll, chart } = side, field = chart.parentNode;
    const under = pointer => {
      const box = chart.getBoundingClientRect();
      return side.at(pointer.clientX - box.left, pointer.clientY - box.top);
    };
    let pan = null;
    field.addEventListener('pointerdown', pointer => {
      if (pointer.button === 0 && pointer.pointerType === 'mouse') pan = { x: pointer.clientX, y: pointer.clientY, left: scroll.scrollLeft, top: scroll.scrollTop, moved: false };
    });
    addEventListener('pointermove', pointer => {
      if (!pan) return;
      if (Math.abs(pointer.clientX - pan.x) > 4 || Math.abs(pointer.clientY - pan.y) > 4) pan.moved = true;
      if (!pan.moved) return;
      field.classList.add('panning');
      scroll.scrollLeft = pan.left + pan.x - pointer.clientX;
      scroll.scrollTop = pan.top + pan.y - pointer.clientY;
    });
    addEventListener('pointerup', () => {
      field.classList.remove('panning');
      setTimeout(() => pan = null);
    });
    field.addEventListener('dragstart', drag => drag.preventDefault());
    field.addEventListener('pointermove', pointer => point(side, pan?.moved ? undefined : under(pointer), pointer.clientX, pointer.clientY));
    field.addEventListener('pointerleave', () => point(side));
    field.addEventListener('click', click => {
      if (pan?.moved) return;
      const event = under(click) || events_of(click.target);
      event ? choose(side, event.index, true) : leave();
    });
    const events_of = target => {
      const link = target.closest('a'), place = link && place_of(link.getAttribute('href'));
      return place && place[0].events[place[1]];
    };
    scroll.addEventListener('wheel', wheel => {
      if (!wheel.ctrlKey && !wheel.metaKey) return;
      wheel.preventDefault();
      zoom(side.unit * Math.exp(-wheel.deltaY / 300), side, wheel.clientX - field.getBoundingClientRect().left - scroll.scrollLeft);
    }, { passive: false });
    scroll.addEventListener('scroll', () => {
      for (const other of sides) if (other !== side && Math.abs(other.scroll.scrollLeft - scroll.scrollLeft) > 1) other.scroll.scrollLeft = scroll.scrollLeft;
    });
    scroll.setAttribute('tabindex', 0);
    scroll.setAttribute('role', 'group');
    scroll.setAttribute('aria-label', 'Lanes; the arrow keys walk from event to event');
    scroll.addEventListener('keydown', key => {
      const by = { ArrowRight: 1, ArrowLeft: -1 }[key.key];
      if (!by || key.ctrlKey || key.altKey || key.metaKey) return;
      key.preventDefault();
      let i = side.chosen_event ? side.chosen_event.index + by : by > 0 ? 0 : side.events.length - 1;
      while (side.rows[i]?.hidden) i += by;
      if (side.rows[i]) choose(side, i, false);
    });
  }

  addEventListener('keydown', key => {
    if (key.key === 'Escape') {
      $('filter').value = '';
      leave();
    }
    if (key.target.closest('input') || key.ctrlKey || key.altKey || key.metaKey) return;
    if (key.key === '/') key.preventDefault(), $('filter').focus();
    if (key.key === '+') zoom(sides[0].unit * 1.5);
    if (key.key === '-') zoom(sides[0].unit / 1.5);
    if (key.key === '0') zoom(fitting());
  });

  // ---- the command

  const copy = $('copy');
  if (copy) {
    copy.hidden = false;
    copy.addEventListener('click', async () => {
      try {
        await navigator.clipboard.writeText($('again').textContent);
      } catch { // no permission, as on a page from a file: use the older interface
        getSelection().selectAllChildren($('again'));
        document.execCommand('copy');
        getSelection().removeAllRanges();
      }
      copy.textContent = 'Copied';
      setTimeout(() => copy.textContent = 'Copy', 1600);
    });
  }

  // ---- initial view: a small trace fills the width, a large one shows the violation

  const fit = fitting();
  if (fit >= 3) zoom(Math.min(fit, 14));
  for (const side of sides) {
    const broken = side.rows.findIndex(row => row.classList.contains('broken'));
    if (broken >= 0) side.bring_into_view(broken);
  }
  const place = place_of(location.hash);
  if (place) choose(...place, false);
})();
