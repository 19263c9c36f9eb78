/** What names the file of a picture: the address of one of its sizes, and its name. */
export interface NamedFile {
  src: string;
  name: string;
}

/** Formats that no browser shows. The gallery gives them out as PNG. */
const AS_PNG = /\.(?:tiff?|dcm|dicom)$/i;

/** The address of the whole picture. */
export function fileAddress({ src }: NamedFile): string {
  const address = new URL(src, location.origin);
  for (const name of ["w", "h", "fit"]) address.searchParams.delete(name);
  return address.pathname + address.search;
}

/** The name under which the whole picture is kept. */
export function downloadName({ name }: NamedFile): string {
  return AS_PNG.test(name) ? `${name}.png` : name;
}

/** The path of an address that the server has written, whatever it takes for its own host. */
export function ownPath(address: string): string {
  const { pathname, search } = new URL(address, location.origin);
  return pathname + search;
}
