// What the visitor does with a map: legend, pointer, wheel, keys.

function legend(map) {
  const place = map.find(".legend");
  const labels = Object.keys(map.data.marks).map(Number);
  place.replaceChildren(...labels.map((label) => {
    const chip = document.createElement("button");
    chip.innerHTML = swatch(map.data.marks[label]);
    chip.append(map.data.classes[label]);
    chip.title = `Only ${map.data.classes[label]} in colour`;
    chip.dataset.label = label;
    chip.onclick = () => { map.solo = map.solo === label ? null : label; press(map); map.draw(); };
    return chip;
  }));
  if (labels.length < map.data.classes.length) {
    const rest = document.createElement("span");
    rest.className = "rest";
    rest.innerHTML = swatch([GREY, "circle"]);
    rest.append("other classes");
    place.append(rest);
  }
  press(map);
}

function press(map) {
  map.find(".legend").classList.toggle("solo", map.solo !== null);
  for (const chip of map.find(".legend").querySelectorAll("button")) {
    chip.setAttribute("aria-pressed", String(map.solo === Number(chip.dataset.label)));
  }
}

function listen(map) {
  const { canvas } = map, held = new Map();
  let moved = 0;
  const place = (event) => [event.offsetX, event.offsetY];
  canvas.addEventListener("pointerdown", (event) => {
    held.set(event.pointerId, place(event));
    canvas.setPointerCapture(event.pointerId);
    moved = 0;
  });
  canvas.addEventListener("pointermove", (event) => {
    const before = held.get(event.pointerId), now = place(event);
    if (!before) return map.point(map.nearest(...now));
    const other = [...held.entries()].find(([id]) => id !== event.pointerId)?.[1];
    held.set(event.pointerId, now);
    moved += Math.hypot(now[0] - before[0], now[1] - before[1]);
    if (moved < 4) return;
    canvas.classList.add("dragging");
    map.hover = -1;
    if (other) { // two fingers
      const spread = ([x, y]) => Math.hypot(x - other[0], y - other[1]) || 1;
      map.zoom(spread(now) / spread(before), (now[0] + other[0]) / 2, (now[1] + other[1]) / 2);
    } else {
      map.view.x += now[0] - before[0];
      map.view.y += now[1] - before[1];
      map.draw();
      map.fillCard();
    }
  });
  const release = (event) => { held.delete(event.pointerId); canvas.classList.remove("dragging"); };
  canvas.addEventListener("pointerup", (event) => {
    if (held.has(event.pointerId) && moved < 4) {
      map.point(map.nearest(...place(event)));
      map.pick(map.hover);
    }
    release(event);
  });
  canvas.addEventListener("pointercancel", release);
  canvas.addEventListener("pointerleave", () => map.point(-1));
  canvas.addEventListener("dblclick", (event) => map.zoom(2, ...place(event)));
  canvas.addEventListener("wheel", (event) => {
    if (!event.ctrlKey && !event.metaKey) return; // the page scrolls
    event.preventDefault();
    map.zoom(Math.exp(-event.deltaY / 300), ...place(event));
  }, { passive: false });
  canvas.addEventListener("keydown", (event) => key(map, event));
  canvas.addEventListener("blur", () => map.point(-1));
  map.find(".in").onclick = () => map.zoom(1.6);
  map.find(".out").onclick = () => map.zoom(1 / 1.6);
  map.find(".whole").onclick = () => { map.view = { zoom: 1, x: 0, y: 0 }; map.draw(); };
  map.find(".save").onclick = () => save(map);
  const pictures = map.find(".pictures");
  pictures.onclick = () => {
    map.pictures = !map.pictures;
    pictures.setAttribute("aria-pressed", String(map.pictures));
    map.draw();
  };
}

function key(map, event) {
  const sides = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] }, side = sides[event.key];
  if (event.key === "+") map.zoom(1.6);
  else if (event.key === "-") map.zoom(1 / 1.6);
  else if (event.key === "Escape") map.point(-1);
  else if (event.key === "Enter") map.pick(map.hover);
  else if (side && !event.ctrlKey && !event.metaKey && !event.altKey) {
    // to the nearest image on that side
    const from = map.hover < 0 ? [map.canvas.clientWidth / 2, map.canvas.clientHeight / 2]
      : map.at(map.data.x[map.hover], map.data.y[map.hover]);
    const ahead = (dx, dy, i) => {
      const along = dx * side[0] + dy * side[1], across = Math.abs(dx * side[1] + dy * side[0]);
      return i !== map.hover && along > 0 && across <= along;
    };
    const next = map.nearest(...from, ahead, Infinity);
    if (next >= 0) {
      map.reveal(next);
      map.point(next);
    }
  } else return;
  event.preventDefault();
}

function swatch([colour, shape]) {
  const drawn = shape === "circle" ? '<circle cx="5" cy="5" r="4"/>' : '<path d="M5 0l5 5-5 5-5-5z"/>';
  return `<svg viewBox="0 0 10 10" fill="${colour}" aria-hidden="true">${drawn}</svg>`;
}
