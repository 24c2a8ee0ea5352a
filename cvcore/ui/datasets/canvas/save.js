// Downloads of a map as it is seen, below its legend, as PNG or SVG.

function save(map) {
  const [width, height] = [map.canvas.clientWidth, map.canvas.clientHeight], name = `${map.data.file}.${map.data.format}`;
  if (map.data.format === "svg") {
    const pen = new SvgPen(map.theme().font);
    page(map, pen, width, height);
    return download(URL.createObjectURL(new Blob([pen.document()], { type: "image/svg+xml" })), name);
  }
  const paper = document.createElement("canvas"), pen = new CanvasPen(paper.getContext("2d"), map.theme().font);
  const tall = legendHeight(map, width) + height;
  [paper.width, paper.height] = [width * 2, tall * 2];
  pen.context.scale(2, 2);
  page(map, pen, width, height);
  paper.toBlob((blob) => download(URL.createObjectURL(blob), name));
}

function legendPlaces(map, width) {
  const places = [];
  let x = 12, y = 18;
  for (const label of Object.keys(map.data.marks)) {
    const long = 30 + 8 * map.data.classes[label].length;
    if (x + long > width && x > 12) [x, y] = [12, y + 20];
    places.push([x, y, label]);
    x += long;
  }
  return places;
}

function legendHeight(map, width) {
  return (legendPlaces(map, width).at(-1)?.[1] ?? 0) + 14;
}

function page(map, pen, width, height) {
  // map below its legend, on the page's own ground: a picture that can be read wherever it is put
  const above = legendHeight(map, width), { text, ground } = map.theme();
  pen.begin(width, above + height, ground);
  for (const [x, y, label] of legendPlaces(map, width)) {
    const [colour, shape] = map.data.marks[label];
    pen.dot(x, y, 5, colour, shape, 1);
    pen.text(x + 10, y, map.data.classes[label], text, { size: 13, start: true });
  }
  pen.inside(above, width, height, () => map.paint(pen, width, height));
}

function download(address, name) {
  const link = document.createElement("a");
  [link.href, link.download] = [address, name];
  link.click();
  setTimeout(() => URL.revokeObjectURL(address), 10_000);
}
