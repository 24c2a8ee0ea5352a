// A sheet to draw a digit on. What is sent are the strokes, lists of points 0..1 from the upper left corner, whenever
// the pen is lifted; they are painted and made small by cvcore/training/drawn.py. SVG takes its colours from the theme.

const SIDE = 280; // of the sheet's own coordinates, whatever its size on the screen
const SHEETS = new WeakMap();

export default function ({ data, parentElement, setStateValue }) {
  const sheet = SHEETS.get(parentElement) ?? new Sheet(parentElement, data.strokes);
  SHEETS.set(parentElement, sheet);
  sheet.send = (strokes) => setStateValue("strokes", strokes);
  sheet.show(data);
  return () => SHEETS.delete(parentElement);
}

class Sheet {
  constructor(root, strokes) {
    this.paper = root.querySelector(".paper");
    this.ink = root.querySelector(".paper g");
    this.hint = root.querySelector(".hint");
    [this.undoButton, this.clearButton] = [root.querySelector(".undo"), root.querySelector(".clear")];
    this.strokes = strokes ?? [];
    this.pen = null; // id of the pointer that draws
    this.listen();
  }

  show({ label, hint, pen }) {
    this.paper.setAttribute("aria-label", label);
    this.hint.textContent = hint;
    this.ink.setAttribute("stroke-width", pen * SIDE);
    this.draw();
  }

  listen() {
    this.paper.addEventListener("pointerdown", (event) => {
      if (event.button !== 0 || this.pen !== null) return;
      this.paper.setPointerCapture(event.pointerId);
      this.pen = event.pointerId;
      this.strokes.push([this.place(event)]);
      this.draw();
    });
    this.paper.addEventListener("pointermove", (event) => {
      if (event.pointerId !== this.pen) return;
      for (const each of event.getCoalescedEvents?.() ?? []) this.strokes.at(-1).push(this.place(each));
      this.strokes.at(-1).push(this.place(event));
      this.draw();
    });
    for (const kind of ["pointerup", "pointercancel"]) {
      this.paper.addEventListener(kind, (event) => {
        if (event.pointerId !== this.pen) return;
        this.pen = null;
        this.tell();
      });
    }
    this.paper.addEventListener("keydown", (event) => {
      if (event.key === "z" && (event.ctrlKey || event.metaKey)) this.undo();
      else if (event.key === "Delete" || event.key === "Backspace") this.clear();
      else return;
      event.preventDefault();
    });
    this.undoButton.addEventListener("click", () => this.undo());
    this.clearButton.addEventListener("click", () => this.clear());
  }

  place(event) {
    const box = this.paper.getBoundingClientRect();
    const share = (value) => Math.round(1000 * Math.min(1, Math.max(0, value))) / 1000;
    return [share((event.clientX - box.left) / box.width), share((event.clientY - box.top) / box.height)];
  }

  undo() { if (this.strokes.length) { this.strokes.pop(); this.draw(); this.tell(); } }

  clear() { if (this.strokes.length) { this.strokes = []; this.draw(); this.tell(); } }

  tell() { this.send(this.strokes.map((stroke) => stroke.filter(isNew))); }

  draw() {
    const paths = this.strokes.map((stroke) => {
      const path = document.createElementNS("http://www.w3.org/2000/svg", "path");
      const points = stroke.map(([x, y]) => `${x * SIDE} ${y * SIDE}`);
      path.setAttribute("d", `M${points.join("L")}${points.length === 1 ? "l0 0.01" : ""}`); // a dot has round ends too
      return path;
    });
    this.ink.replaceChildren(...paths);
    this.hint.hidden = paths.length > 0;
    this.undoButton.disabled = this.clearButton.disabled = paths.length === 0;
  }
}

function isNew([x, y], place, stroke) { // a pen that rests sends the same place many times
  return place === 0 || x !== stroke[place - 1][0] || y !== stroke[place - 1][1];
}
