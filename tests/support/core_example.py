"""The documented example of the collection's clients: a picture of 20 x 20 pixels, sent in JSON, and in CBOR written as
hexadecimal digits."""

from base64 import b64decode
from typing import Final

IMAGE_DATA: Final = (
    "iVBORw0KGgoAAAANSUhEUgAAABQAAAAUCAIAAAAC64paAAABhGlDQ1BJQ0MgcHJvZmlsZQAAKJF9kT1Iw0AcxV9TpUUqglYQcchQ"
    "nSz4hThqFYpQIdQKrTqYXPoFTRqSFBdHwbXg4Mdi1cHFWVcHV0EQ/ABxdnBSdJES/5cUWsR6cNyPd/ced+8AoVZimtUxBmi6bSbj"
    "MTGdWRUDrwiiF36Mo19mljEnSQm0HV/38PH1Lsqz2p/7c3SrWYsBPpF4lhmmTbxBPL1pG5z3icOsIKvE58SjJl2Q+JHrisdvnPMu"
    "CzwzbKaS88RhYjHfwkoLs4KpEU8RR1RNp3wh7bHKeYuzVqqwxj35C0NZfWWZ6zSHEMciliBBhIIKiijBRpRWnRQLSdqPtfEPun6J"
    "XAq5imDkWEAZGmTXD/4Hv7u1cpMTXlIoBnS+OM7HMBDYBepVx/k+dpz6CeB/Bq70pr9cA2Y+Sa82tcgR0LMNXFw3NWUPuNwBBp4M"
    "2ZRdyU9TyOWA9zP6pgzQdwt0rXm9NfZx+gCkqKvEDXBwCIzkKXu9zbuDrb39e6bR3w9rrHKkUDJpUAAAAAlwSFlzAAAuIwAALiMB"
    "eKU/dgAAAAd0SU1FB+gIEgMzEWA+HAEAAAAZdEVYdENvbW1lbnQAQ3JlYXRlZCB3aXRoIEdJTVBXgQ4XAAAAh0lEQVQ4y+1TwQ3E"
    "IAyzq5sI9h8hrOQ+ckorIJzavk6qXwk4dhIBJeEuNjzAnxZzepptsbUGoNb6JZjZtHgEMp6rKId7RGBmZoazaic/Gp5VJH1W+yCD"
    "imw3U+eYYjEjPSHpdx7EFksp0UWoH+Quj3jspTM4ihdjZ0KSfryw6H8cHgDfL3kNO33Qwgk1AJAGAAAAAElFTkSuQmCC"
)
PICTURE: Final = b64decode(IMAGE_DATA)
JSON_TEXT: Final = f'{{"deviceId":"12345", "timestamp":"2024-08-18T02:04:07Z", "imageData":"{IMAGE_DATA}"}}'
# A map of three pairs of texts (RFC 8949 section 3.1); the last text has 0x037c bytes.
CBOR_IN_DIGITS: Final = (
    "a36864657669636549646531323334356974696d657374616d70"
    "74323032342d30382d31385430323a30343a30375a69696d61676544617461"
    f"79037c{IMAGE_DATA.encode().hex()}"
)
