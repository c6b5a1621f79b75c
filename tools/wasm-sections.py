#!/usr/bin/env python3
"""wasm-sections.py [--runpath DIR]... [--drop SECTION]... FILE

Rewrites custom sections of a wasm file in place, for what LLD 19 cannot do:
  --runpath DIR    adds DIR to WASM_DYLINK_RUNTIME_PATH of `dylink.0`
  --drop SECTION   removes the custom sections of that name
"""
import argparse

HEADER = b"\0asm\1\0\0\0"
CUSTOM = 0
RUNTIME_PATH = 5


def encode_u32(value):
    out = bytearray()
    while True:
        byte, value = value & 0x7F, value >> 7
        out.append(byte | (0x80 if value else 0))
        if not value:
            return bytes(out)


def decode_u32(data, at):
    value = shift = 0
    while True:
        byte = data[at]
        at += 1
        value |= (byte & 0x7F) << shift
        shift += 7
        if byte < 0x80:
            return value, at


def encode_string(text):
    return encode_u32(len(text.encode())) + text.encode()


def sections(data):
    """(id, custom name or None, bytes after the name) of each section."""
    at = len(HEADER)
    while at < len(data):
        kind, (size, start) = data[at], decode_u32(data, at + 1)
        at = start + size
        if kind == CUSTOM:
            length, name_start = decode_u32(data, start)
            name_end = name_start + length
            yield kind, data[name_start:name_end].decode(), data[name_end:at]
        else:
            yield kind, None, data[start:at]


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--runpath", action="append", default=[])
    parser.add_argument("--drop", action="append", default=[])
    parser.add_argument("file")
    options = parser.parse_args()

    with open(options.file, "rb") as file:
        data = file.read()
    if not data.startswith(HEADER):
        raise SystemExit(f"{options.file}: not a wasm module")
    out, has_dylink = bytearray(HEADER), False
    for kind, name, payload in sections(data):
        if name in options.drop:
            continue
        if name == "dylink.0" and options.runpath:
            has_dylink = True
            paths = encode_u32(len(options.runpath))
            paths += b"".join(encode_string(path) for path in options.runpath)
            payload += bytes([RUNTIME_PATH]) + encode_u32(len(paths)) + paths
        content = (encode_string(name) if name is not None else b"") + payload
        out += bytes([kind]) + encode_u32(len(content)) + content
    if options.runpath and not has_dylink:
        raise SystemExit(f"{options.file}: has no `dylink.0` section")
    with open(options.file, "wb") as file:
        file.write(out)


if __name__ == "__main__":
    main()
