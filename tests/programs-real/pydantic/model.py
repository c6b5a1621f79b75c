"""A native wheel from PyPI: pydantic_core, in Rust, with exceptions of the legacy encoding.

//! toolchain: base cxx py wheel
//!
//! run: -L $TOOLCHAIN/py314 -L $TOOLCHAIN/lib-legacy --dir $TOOLCHAIN/py314/stdlib::/py --dir $TOOLCHAIN/site::/site --dir .::/program --env PYTHONHOME=/py --env PYTHONPATH=/py:/site $TOOLCHAIN/py314/python3.14-legacy.wasm /program/model.py
//! stdout: Point(x=3, y=0.5)
//! stdout: {'x': 4, 'y': 1000.0}
//! stdout: 1 validation error for Point
//! stdout: x
//! stdout:   Input should be a valid integer, unable to parse string as an integer [type=int_parsing, input_value='three', input_type=str]
//! stdout:     For further information visit https://errors.pydantic.dev/2.14/v/int_parsing
//! stdout: 200
"""

import pydantic


class Point(pydantic.BaseModel):
    x: int
    y: float = 0.5


print(repr(Point(x="3")))
print(Point.model_validate_json('{"x": 4, "y": 1e3}').model_dump())
try:
    Point(x="three")
except pydantic.ValidationError as error:
    print(error)


class Even(pydantic.BaseModel):
    n: int

    @pydantic.field_validator("n")
    @classmethod
    def is_even(cls, n):
        if n % 2:
            raise ValueError(f"{n} is odd")
        return n


# A Python exception through Rust: 200 times, so that what it leaves behind would show.
caught = 0
for n in range(400):
    try:
        Even(n=n)
    except pydantic.ValidationError as error:
        caught += error.error_count()
print(caught)
