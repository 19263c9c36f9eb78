/** A digital X-ray in DICOM (PS3.10), explicit VR little endian, with grey values of 16 bits that the tests choose. */
interface Options {
  columns: number;
  rows: number;
  /** The stored value of a pixel. */
  value: (x: number, y: number) => number;
  /** Windows (0028,1050, 1051, 1055). */
  windows?: { center: number; width: number; explanation: string }[];
}

const EXPLICIT_VR_LITTLE_ENDIAN = "1.2.840.10008.1.2.1";
const DIGITAL_X_RAY = "1.2.840.10008.5.1.4.1.1.1.1";

/** An element with a short length (PS3.5 section 7.1.2). */
function element(group: number, number: number, vr: string, value: string | number): Buffer {
  let bytes: Buffer;
  if (typeof value === "number") {
    bytes = Buffer.alloc(2);
    bytes.writeUInt16LE(value);
  } else {
    const padding = vr === "UI" ? "\0" : " ";
    bytes = Buffer.from(value.length % 2 ? value + padding : value, "ascii");
  }
  const head = Buffer.alloc(8);
  head.writeUInt16LE(group, 0);
  head.writeUInt16LE(number, 2);
  head.write(vr, 4, "ascii");
  head.writeUInt16LE(bytes.length, 6);
  return Buffer.concat([head, bytes]);
}

export function dicom({ columns, rows, value, windows = [] }: Options): Buffer {
  const meta = [
    element(2, 0x02, "UI", DIGITAL_X_RAY),
    element(2, 0x03, "UI", "1.2.3.4"),
    element(2, 0x10, "UI", EXPLICIT_VR_LITTLE_ENDIAN),
  ];
  const pixels = new Uint16Array(columns * rows);
  for (let at = 0; at < pixels.length; at += 1) pixels[at] = value(at % columns, Math.floor(at / columns));
  const joined = (name: "center" | "width" | "explanation") => windows.map((each) => each[name]).join("\\");
  const image = [
    element(0x28, 0x02, "US", 1),
    element(0x28, 0x04, "CS", "MONOCHROME2"),
    element(0x28, 0x10, "US", rows),
    element(0x28, 0x11, "US", columns),
    element(0x28, 0x100, "US", 16),
    element(0x28, 0x101, "US", 16),
    element(0x28, 0x102, "US", 15),
    element(0x28, 0x103, "US", 0),
    ...(windows.length
      ? [
          element(0x28, 0x1050, "DS", joined("center")),
          element(0x28, 0x1051, "DS", joined("width")),
          element(0x28, 0x1055, "LO", joined("explanation")),
        ]
      : []),
  ];
  const pixelData = Buffer.alloc(12);
  pixelData.writeUInt16LE(0x7fe0, 0);
  pixelData.writeUInt16LE(0x10, 2);
  pixelData.write("OW", 4, "ascii");
  pixelData.writeUInt32LE(pixels.byteLength, 8);
  const start = [Buffer.alloc(128), Buffer.from("DICM", "ascii")];
  return Buffer.concat([...start, ...meta, ...image, pixelData, Buffer.from(pixels.buffer)]);
}
