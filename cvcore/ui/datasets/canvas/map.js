// Draws the map of a set on a canvas: dots or the images themselves, the image nearest to the pointer, zoom, downloads.
// What it is given is made by cvcore/plots/map.py (`scene` and `sheet`); the files here are loaded together, as one module.

const GREY = "#8A8F98";
const REACH = 16; // pixels around the pointer in which an image is found
const MAPS = new WeakMap();

export default function ({ data, parentElement, setStateValue }) {
  const map = MAPS.get(parentElement) ?? new SetMap(parentElement);
  MAPS.set(parentElement, map);
  map.onPick = (index) => setStateValue("picked", index);
  map.show(data);
  return () => { map.close(); MAPS.delete(parentElement); };
}

class SetMap {
  constructor(root) {
    this.find = (selector) => root.querySelector(selector);
    this.canvas = this.find("canvas.plane");
    this.solo = null; // label of the one class that is shown in colour
    this.pictures = false;
    this.hover = this.picked = -1;
    listen(this);
    this.watch = new ResizeObserver(() => this.draw());
    this.watch.observe(this.canvas);
  }

  close() { this.watch.disconnect(); }

  show(data) {
    const fresh = this.data?.id !== data.id;
    this.data = data;
    if (fresh) {
      this.view = { zoom: 1, x: 0, y: 0 }; // x, y: shift in pixels at this zoom
      this.hover = this.picked = -1;
      this.order = drawingOrder(data);
      this.bounds = [Math.min(...data.x), Math.max(...data.x), Math.min(...data.y), Math.max(...data.y)];
      this.solo = null;
    }
    if (this.sheet?.src !== data.sheet.src) {
      this.sheet = new Image();
      this.sheet.onload = () => { this.draw(); this.fillCard(); };
      this.sheet.src = data.sheet.src;
    }
    this.canvas.setAttribute("aria-label", data.alt);
    this.find(".hint").textContent = data.hint;
    const save = this.find(".save");
    save.title = `Download as ${data.format.toUpperCase()}`;
    save.setAttribute("aria-label", save.title);
    legend(this);
    this.draw();
    this.fillCard();
  }

  // --- where things are ------------------------------------------------------------------------------------------

  scale(width, height) {
    // one unit is as long across as it is down, since distances are what the map shows
    const [left, right, low, high] = this.bounds;
    const margin = 30;
    const fit = Math.min((width - 2 * margin) / (right - left || 1), (height - 2 * margin) / (high - low || 1));
    return { fit: fit * this.view.zoom, x: (left + right) / 2, y: (low + high) / 2 };
  }

  at(x, y, width = this.canvas.clientWidth, height = this.canvas.clientHeight) {
    const { fit, x: middle, y: centre } = this.scale(width, height);
    return [width / 2 + (x - middle) * fit + this.view.x, height / 2 - (y - centre) * fit + this.view.y];
  }

  nearest(px, py, allowed = () => true, reach = REACH) {
    let best = -1, least = reach * reach;
    for (let i = 0; i < this.data.x.length; i++) {
      const [x, y] = this.at(this.data.x[i], this.data.y[i]);
      const distance = (x - px) ** 2 + (y - py) ** 2;
      if (distance < least && allowed(x - px, y - py, i)) [best, least] = [i, distance];
    }
    return best;
  }

  zoom(factor, px = this.canvas.clientWidth / 2, py = this.canvas.clientHeight / 2) {
    const next = Math.min(60, Math.max(0.8, this.view.zoom * factor));
    const ratio = next / this.view.zoom;
    const [dx, dy] = [px - this.canvas.clientWidth / 2, py - this.canvas.clientHeight / 2];
    this.view = { zoom: next, x: dx + (this.view.x - dx) * ratio, y: dy + (this.view.y - dy) * ratio };
    this.draw();
    this.fillCard();
  }

  // --- drawing ---------------------------------------------------------------------------------------------------

  draw() {
    const [width, height] = [this.canvas.clientWidth, this.canvas.clientHeight];
    if (!this.data || !width) return;
    cancelAnimationFrame(this.frame);
    this.frame = requestAnimationFrame(() => {
      const ratio = window.devicePixelRatio || 1;
      this.canvas.width = width * ratio;
      this.canvas.height = height * ratio;
      const pen = new CanvasPen(this.canvas.getContext("2d"), this.theme().font);
      pen.context.scale(ratio, ratio);
      this.paint(pen, width, height);
      for (const [i, ring] of [[this.picked, 3], [this.hover, 2]]) {
        if (i >= 0) pen.ring(...this.at(this.data.x[i], this.data.y[i]), this.pictures ? 17 : 9, this.theme().text, ring);
      }
    });
  }

  theme() {
    const style = getComputedStyle(this.canvas);
    const variable = (name) => style.getPropertyValue(name).trim();
    return { text: variable("--st-text-color"), ground: variable("--st-background-color"), font: style.fontFamily };
  }

  mark(i) {
    const label = this.data.label[i];
    const mark = this.solo === null || this.solo === label ? this.data.marks[label] : null;
    return mark ?? [GREY, "circle", true];
  }

  paint(pen, width, height) {
    const { data } = this, { text, ground } = this.theme();
    if (data.axes) {
      const [x, y] = this.at(0, 0, width, height);
      pen.line(0, y, width, y, text, 0.14);
      pen.line(x, 0, x, height, text, 0.14);
    }
    const share = Math.sqrt((width * height) / data.x.length); // pixels to each point, if all stood apart
    const base = Math.max(1.8, Math.min(4.5, share / 5)) * Math.min(2, this.view.zoom ** 0.35);
    const side = Math.round(26 * Math.min(2, Math.max(1, this.view.zoom) ** 0.35)), free = places(side);
    const grey = this.order.filter((i) => this.mark(i)[2]), coloured = this.order.filter((i) => !this.mark(i)[2]);
    // dots: grey ones first, to lie below; pictures: coloured ones first, to get the place
    for (const i of this.pictures ? [...coloured, ...grey] : [...grey, ...coloured]) {
      const [x, y] = this.at(data.x[i], data.y[i], width, height);
      if (x < -40 || y < -40 || x > width + 40 || y > height + 40) continue;
      const [colour, shape, rest] = this.mark(i);
      if (this.pictures) {
        if (free(x, y)) pen.picture(this.sheet, this.cut(i), x, y, side, colour, rest ? 0.45 : 1);
      } else pen.dot(x, y, rest ? base * 0.8 : base, colour, shape, rest ? 0.3 : 0.82);
    }
    const written = [];
    for (const [x, y, label] of data.anchors) {
      const [px, py] = this.at(x, y, width, height), name = data.classes[label], marked = label in data.marks;
      const room = 6 + 4 * name.length; // half the width of the name
      const clear = written.every(([a, b, other]) => Math.abs(a - px) > room + other || Math.abs(b - py) > 16);
      if (this.solo === null ? clear : this.solo === label) {
        written.push([px, py, room]);
        pen.text(px, py, name, marked ? text : GREY, { halo: ground, bold: true, size: marked ? 14 : 12 });
      }
    }
    if (data.axes) {
      pen.text(width / 2, height - 10, data.axes[0], text, { halo: ground, size: 12 });
      pen.text(14, height / 2, data.axes[1], text, { halo: ground, size: 12, turned: true });
    }
  }

  cut(i) {
    const { columns, cell, tile } = this.data.sheet;
    return [(i % columns) * cell[0], Math.floor(i / columns) * cell[1], ...tile];
  }

  // --- the card beside the pointer -------------------------------------------------------------------------------

  fillCard() {
    const card = this.find(".card"), i = this.hover;
    card.hidden = i < 0;
    if (i < 0) return;
    const { data } = this, [x, y, width, height] = this.cut(i), picture = this.find(".card canvas");
    [picture.width, picture.height] = [width * 4, height * 4];
    const context = picture.getContext("2d");
    context.imageSmoothingEnabled = !data.sharp;
    context.drawImage(this.sheet, x, y, width, height, 0, 0, width * 4, height * 4);
    const name = this.find(".card .name");
    name.innerHTML = data.marks[data.label[i]] ? swatch(data.marks[data.label[i]]) : "";
    name.append(data.classes[data.label[i]]);
    const where = [`${data.split} image ${data.index[i]}`, ...(data.path ? [data.path[i]] : [])];
    this.find(".card .where").textContent = where.join(" · ");
    const [px, py] = this.at(data.x[i], data.y[i]);
    const [room, depth] = [this.canvas.clientWidth - card.offsetWidth - 6, this.canvas.clientHeight - card.offsetHeight - 6];
    const left = px + 18 <= room ? px + 18 : px - 18 - card.offsetWidth;
    card.style.transform = `translate(${Math.max(6, Math.min(left, room))}px, ${Math.max(6, Math.min(py - 40, depth))}px)`;
  }

  point(i) { // show the card of point i, or, for -1, none
    if (i === this.hover) return;
    this.hover = i;
    this.canvas.classList.toggle("over", i >= 0);
    this.draw();
    this.fillCard();
  }

  reveal(i) { // move the map so far that point i is in sight
    const [x, y] = this.at(this.data.x[i], this.data.y[i]);
    const [width, height] = [this.canvas.clientWidth, this.canvas.clientHeight];
    this.view.x -= x - Math.min(Math.max(x, 20), width - 20);
    this.view.y -= y - Math.min(Math.max(y, 20), height - 20);
  }

  pick(i) {
    if (i < 0) return;
    this.picked = i;
    this.draw();
    this.onPick(this.data.index[i]);
  }
}

function drawingOrder({ x }) {
  // mixed, always the same way: no class lies on top because its images come last
  const order = x.map((_, i) => i), key = (i) => Math.imul(i + 1, 2654435761) >>> 0;
  return order.sort((a, b) => key(a) - key(b));
}

function places(side) {
  // whether an image at x, y leaves those before it in sight, and if so keeps its place; zooming in shows the others
  const taken = new Map(), near = side * 0.8, key = (column, row) => column * 4096 + row;
  return (x, y) => {
    const [column, row] = [Math.floor(x / near), Math.floor(y / near)];
    for (const c of [column - 1, column, column + 1]) {
      for (const r of [row - 1, row, row + 1]) {
        const other = taken.get(key(c, r));
        if (other && Math.abs(other[0] - x) < near && Math.abs(other[1] - y) < near) return false;
      }
    }
    taken.set(key(column, row), [x, y]);
    return true;
  };
}
