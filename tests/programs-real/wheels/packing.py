"""Side modules that Emscripten made: native wheels of msgpack (in Cython) and simplejson (in C) from PyPI.

//! toolchain: base cxx py wheel
//!
//! run: -L $TOOLCHAIN/py314 -L $TOOLCHAIN/lib-legacy --dir $TOOLCHAIN/py314/stdlib::/py --dir $TOOLCHAIN/site::/site --dir .::/program --env PYTHONHOME=/py --env PYTHONPATH=/py:/site $TOOLCHAIN/py314/python3.14-legacy.wasm /program/packing.py
//! stdout: msgpack._cmsgpack True True
//! stdout: 84a16e9401ffcf0000010000000000cb3fe0000000000000a173a86472656920e282aca162c40200ffa174c0 True
//! stdout: [('d', '1.5')]
//! stdout: ValueError Unpack failed: incomplete input
//! stdout: OverflowError Integer value out of range
//! stdout: TypeError can not serialize 'complex' object
//! stdout: 42 True
//! stdout: BufferFull
//! stdout: {"a": [0.10, true, null], "b": "\u2028"} {'a': [Decimal('0.10'), True, None], 'b': '\u2028'}
//! stdout: Expecting ',' delimiter or ']': line 1 column 12 (char 11)
//! stdout: Invalid control character '\t' at: line 1 column 3 (char 2)
//! stdout: Expecting ',' delimiter or ']': line 1 column 3 (char 2)
//! stdout: 128890 199990000
"""

import decimal

import msgpack
import simplejson
import simplejson.encoder
import simplejson.scanner

# Not what both have in Python for where there is no native code.
print(msgpack.Packer.__module__, simplejson.encoder.c_make_encoder is not None, simplejson.scanner.c_make_scanner is not None)

value = {"n": [1, -1, 2**40, 0.5], "s": "drei €", "b": b"\x00\xff", "t": None}
packed = msgpack.packb(value)
print(packed.hex(), msgpack.unpackb(packed) == value)

# Their own calls back into Python, and exceptions of both on the way.
print(msgpack.unpackb(msgpack.packb({"d": decimal.Decimal("1.5")}, default=str), object_hook=lambda it: sorted(it.items())))
for broken in (lambda: msgpack.unpackb(packed[:-1]), lambda: msgpack.packb(2**70), lambda: msgpack.packb(1j)):
    try:
        broken()
    except Exception as error:
        print(type(error).__name__, error)

stream = msgpack.Unpacker(max_buffer_size=64)
for n in range(0, len(packed), 7):
    stream.feed(packed[n : n + 7])
    for unpacked in stream:
        print(n, unpacked == value)
try:
    stream.feed(bytes(65))
except msgpack.BufferFull as error:
    print(type(error).__name__)

text = simplejson.dumps({"a": [decimal.Decimal("0.10"), True, None], "b": "\u2028"}, sort_keys=True)
print(text, simplejson.loads(text, use_decimal=True))
for wrong in ('{"a": [1, 2', '["\t"]', "[1e]"):
    try:
        simplejson.loads(wrong)
    except simplejson.JSONDecodeError as error:
        print(error)
print(len(simplejson.dumps(list(range(20000)))), sum(simplejson.loads(simplejson.dumps(list(range(20000))))))
