// Two pens with the same strokes, so that what is seen and what is downloaded are drawn by the same lines of map.js.

class CanvasPen {
  constructor(context, font) { this.context = context; this.font = font; }

  begin(width, height, ground) {
    this.context.fillStyle = ground;
    this.context.fillRect(0, 0, width, height);
  }

  inside(top, width, height, draw) {
    const { context } = this;
    context.save();
    context.translate(0, top);
    context.beginPath();
    context.rect(0, 0, width, height);
    context.clip();
    draw();
    context.restore();
  }

  line(x1, y1, x2, y2, colour, opacity) {
    const { context } = this;
    context.globalAlpha = opacity;
    context.strokeStyle = colour;
    context.lineWidth = 1;
    context.beginPath();
    context.moveTo(x1, y1);
    context.lineTo(x2, y2);
    context.stroke();
    context.globalAlpha = 1;
  }

  dot(x, y, r, colour, shape, opacity) {
    const { context } = this;
    context.globalAlpha = opacity;
    context.fillStyle = colour;
    context.beginPath();
    if (shape === "circle") context.arc(x, y, r, 0, 2 * Math.PI);
    else outline(x, y, r).forEach((corner) => context.lineTo(...corner));
    context.fill();
    context.globalAlpha = 1;
  }

  ring(x, y, r, colour, width) {
    const { context } = this;
    context.strokeStyle = colour;
    context.lineWidth = width;
    context.beginPath();
    context.arc(x, y, r, 0, 2 * Math.PI);
    context.stroke();
  }

  picture(sheet, cut, x, y, side, colour, opacity) {
    const { context } = this, [wide, high] = fitted(cut, side);
    context.globalAlpha = opacity;
    context.fillStyle = colour;
    context.fillRect(x - wide / 2 - 2, y - high / 2 - 2, wide + 4, high + 4);
    context.drawImage(sheet, ...cut, x - wide / 2, y - high / 2, wide, high);
    context.globalAlpha = 1;
  }

  text(x, y, words, colour, { halo, bold, size, turned, start }) {
    const { context } = this;
    context.save();
    context.translate(x, y);
    if (turned) context.rotate(-Math.PI / 2);
    context.font = `${bold ? "600 " : ""}${size}px ${this.font}`;
    context.textAlign = start ? "left" : "center";
    context.textBaseline = "middle";
    if (halo) {
      [context.strokeStyle, context.lineWidth, context.lineJoin] = [halo, 4, "round"];
      context.strokeText(words, 0, 0);
    }
    context.fillStyle = colour;
    context.fillText(words, 0, 0);
    context.restore();
  }
}

class SvgPen {
  constructor(font) { this.parts = []; this.font = font; }

  begin(width, height, ground) {
    this.size = [width, height];
    this.parts.push(`<rect width="${width}" height="${height}" fill="${ground}"/>`);
  }

  inside(top, width, height, draw) {
    this.parts.push(`<svg y="${top}" width="${width}" height="${height}">`);
    draw();
    this.parts.push("</svg>");
  }

  line(x1, y1, x2, y2, colour, opacity) {
    this.parts.push(`<path d="M${r1(x1)} ${r1(y1)}L${r1(x2)} ${r1(y2)}" stroke="${colour}" opacity="${opacity}"/>`);
  }

  dot(x, y, r, colour, shape, opacity) {
    const drawn = shape === "circle" ? `<circle cx="${r1(x)}" cy="${r1(y)}" r="${r1(r)}"`
      : `<path d="M${outline(x, y, r).map((corner) => corner.map(r1).join(" ")).join("L")}z"`;
    this.parts.push(`${drawn} fill="${colour}" opacity="${opacity}"/>`);
  }

  picture(sheet, cut, x, y, side, colour, opacity) {
    const piece = document.createElement("canvas"), [wide, high] = fitted(cut, side);
    [piece.width, piece.height] = cut.slice(2);
    piece.getContext("2d").drawImage(sheet, ...cut, 0, 0, ...cut.slice(2));
    const [left, top] = [x - wide / 2, y - high / 2];
    this.parts.push(
      `<g opacity="${opacity}"><rect x="${r1(left - 2)}" y="${r1(top - 2)}" width="${r1(wide + 4)}" `
      + `height="${r1(high + 4)}" fill="${colour}"/><image x="${r1(left)}" y="${r1(top)}" width="${r1(wide)}" height="${r1(high)}" `
      + `preserveAspectRatio="none" href="${piece.toDataURL("image/png")}"/></g>`);
  }

  text(x, y, words, colour, { halo, bold, size, turned, start }) {
    const around = halo ? ` stroke="${halo}" stroke-width="4" stroke-linejoin="round" paint-order="stroke"` : "";
    const turn = turned ? ` transform="rotate(-90 ${r1(x)} ${r1(y)})"` : "";
    this.parts.push(
      `<text x="${r1(x)}" y="${r1(y)}" dominant-baseline="middle" text-anchor="${start ? "start" : "middle"}" `
      + `font-size="${size}" font-weight="${bold ? 600 : 400}" fill="${colour}"${around}${turn}>${escaped(words)}</text>`);
  }

  document() {
    const [width, height] = this.size;
    return `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}" viewBox="0 0 ${width} ${height}" `
      + `font-family="${escaped(this.font)}">${this.parts.join("")}</svg>`;
  }
}

const r1 = (value) => Math.round(value * 10) / 10;
const escaped = (words) => words.replace(/[&<>"]/g, (sign) => `&#${sign.charCodeAt(0)};`);

function fitted([, , width, height], side) { // size of a picture in a frame of 2 pixels, side×side at most
  const scale = (side - 4) / Math.max(width, height);
  return [width * scale, height * scale];
}

function outline(x, y, r) { // corners of a diamond
  return [[x, y - r * 1.3], [x + r * 1.3, y], [x, y + r * 1.3], [x - r * 1.3, y]];
}
