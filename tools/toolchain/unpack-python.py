"""unpack-python.py WHEEL DEST LIBRARY

Takes libpython and the standard library out of a componentize-py wheel: they
are Zstandard frames inside its native library. libpython is written to
DEST/LIBRARY, the standard library to DEST/stdlib.
"""
import io
import os
import sys
import tarfile
import zipfile

import zstandard

FRAME = b"\x28\xb5\x2f\xfd"
LIBRARY_SIZE_MIN = 5_000_000  # smaller ones are stubs


def frames(data):
    """The content of each complete frame in `data`."""
    at = data.find(FRAME)
    while at >= 0:
        decompressor = zstandard.ZstdDecompressor().decompressobj()
        try:
            content = decompressor.decompress(data[at:])
        except zstandard.ZstdError:
            content = None
        if content is not None and decompressor.eof:
            yield content
            at = len(data) - len(decompressor.unused_data)
        else:
            at += len(FRAME)
        at = data.find(FRAME, at)


def is_libpython(content):
    return content.startswith(b"\0asm") and len(content) > LIBRARY_SIZE_MIN and b"Py_BytesMain" in content


def main():
    wheel, destination, library = sys.argv[1:]
    os.makedirs(destination, exist_ok=True)
    with zipfile.ZipFile(wheel) as archive:
        natives = [name for name in archive.namelist() if name.endswith(".so")]
        data = max((archive.read(name) for name in natives), key=len)
    found = set()
    for content in frames(data):
        if is_libpython(content):
            with open(os.path.join(destination, library), "wb") as file:
                file.write(content)
            found.add("libpython")
        elif content[257:262] == b"ustar":
            with tarfile.open(fileobj=io.BytesIO(content)) as tar:
                if any(name.endswith("encodings/__init__.py") for name in tar.getnames()):
                    tar.extractall(os.path.join(destination, "stdlib"))
                    found.add("standard library")
    if len(found) != 2:
        raise SystemExit(f"{wheel}: found only {sorted(found)}")


if __name__ == "__main__":
    main()
