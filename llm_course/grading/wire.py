"""Values as text and back: JSON for plain data, raw bytes in base64 for arrays. Never pickle.

Knows nothing about grading. What it reads may come from an enemy: it is bounded before it is parsed, only the listed
types come out, and nothing in it is ever called. A value crosses as itself (``None``, booleans, integers, finite
numbers, text, lists) or as an object with one key that names what it is::

    {"tuple": [...]}   {"dict": [[key, value], ...]}   {"float": "nan"}   {"array": [dtype, shape, base64]}
"""

from __future__ import annotations

import base64
import binascii
import json
import math
import sys
from collections.abc import ItemsView, KeysView, ValuesView
from typing import Any, NoReturn, Union

from llm_course.errors import NotPlain

Json = Union[None, bool, int, float, str, list["Json"], dict[str, "Json"]]  # noqa: UP007  (it names itself)
DTYPES = (
    "bool",
    *(f"{kind}{bits}" for kind in ("int", "uint") for bits in (8, 16, 32, 64)),
    "float16",
    "float32",
    "float64",
)
LIMIT = 8_000_000  # characters of one message
PARTS = 400_000  # values in one message, so that small text cannot become large lists
DEPTH = 40
DIGITS = 300
_ODD_FLOATS = {"nan": math.nan, "inf": math.inf, "-inf": -math.inf}


def dumps(value: object, limit: int = LIMIT) -> str:
    """Write a value as one line of JSON.

    Args:
        value: plain data: None, bool, int, float, str, list, tuple, dict with str keys, numpy arrays of the types in
            ``DTYPES``; a numpy scalar becomes a number, a torch tensor an array (bfloat16 becomes float32).
        limit: the most characters the text may have.

    Raises:
        NotPlain: the value, or a value in it, is of another type, nested deeper than ``DEPTH``, or too large.
    """
    text = json.dumps(encode(value), allow_nan=False, separators=(",", ":"))
    if len(text) > limit:
        raise NotPlain(f"The value takes {len(text):,} characters as text; at most {limit:,} are allowed.")
    return text


def loads(text: str | bytes, limit: int = LIMIT) -> Any:
    """Read what :func:`dumps` wrote; the result holds exact built-in types and arrays only.

    Raises:
        NotPlain: the text is too long, no JSON, nested too deep, or says something that :func:`dumps` never writes.
    """
    return decode(parse(text, limit))


def crossed(value: object) -> Any:
    """A value as the other side gets it: plain data, with nothing of the original's in it."""
    return decode(encode(value))


def parse(
    text: str | bytes, limit: int = LIMIT, *, parts: int = PARTS, lenient: bool = False, what: str = "A message"
) -> Any:
    """JSON text as Python data, bounded: no number that is not finite, no giant integer, no deep or crowded nesting.

    Args:
        text: the text.
        limit: the most characters that it may have.
        parts: the most values that it may hold.
        lenient: odd numbers come out as ``None``; for files in which they are of no account.
        what: what the text is called in errors.

    Raises:
        NotPlain: the text breaks one of these bounds or is no JSON.
    """
    if len(text) > limit:
        raise NotPlain(f"{what} has {len(text):,} characters; at most {limit:,} are allowed.")
    if isinstance(text, bytes):
        try:
            text = text.decode("utf-8")
        except UnicodeDecodeError as error:
            raise NotPlain(f"{what} is not UTF-8 (byte {error.start}).") from None
    if text.count(",") + text.count("[") + text.count("{") > parts:
        raise NotPlain(f"{what} holds too many values; at most {parts:,} are allowed.")
    try:
        if lenient:
            return json.loads(text, parse_int=_short, parse_float=float, parse_constant=lambda _: None)
        return json.loads(text, parse_int=_integer, parse_float=_number, parse_constant=_constant)
    except RecursionError:
        raise NotPlain(f"{what} is nested too deep; at most {DEPTH} levels are allowed.") from None
    except NotPlain:
        raise
    except ValueError as error:
        raise NotPlain(f"{what} is not JSON: {error}.") from None


def encode(value: object, depth: int = 0) -> Json:
    """A value as data that JSON can write; see :func:`dumps`."""
    if depth > DEPTH:
        raise NotPlain(f"The value is nested too deep; at most {DEPTH} levels are allowed.")
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, str):
        return _text(value)
    if isinstance(value, int):
        if abs(value).bit_length() > 3 * DIGITS:
            raise NotPlain(f"An integer has more than {DIGITS} digits.")
        return int(value)
    if isinstance(value, float):
        number = float(value)
        return number if math.isfinite(number) else {"float": str(number)}
    if isinstance(value, range | KeysView | ValuesView | ItemsView):
        if len(value) > PARTS:
            raise NotPlain(f"A {type(value).__name__} has {len(value):,} values; at most {PARTS:,} are allowed.")
        value = list(value)
    if isinstance(value, list):
        return [encode(part, depth + 1) for part in value]
    if isinstance(value, tuple):
        return {"tuple": [encode(part, depth + 1) for part in value]}
    if isinstance(value, dict):
        if wrong := [key for key in value if not isinstance(key, str)]:
            raise NotPlain(f"A dict has a key of type {type(wrong[0]).__name__}; its keys must be text.")
        return {"dict": [[_text(key), encode(part, depth + 1)] for key, part in value.items()]}
    return _array(value, depth)


def decode(data: Json, depth: int = 0) -> Any:
    """The value that :func:`encode` made ``data`` of.

    Raises:
        NotPlain: ``data`` is nothing that :func:`encode` makes.
    """
    if depth > DEPTH:
        raise NotPlain(f"A message is nested too deep; at most {DEPTH} levels are allowed.")
    if isinstance(data, list):
        return [decode(part, depth + 1) for part in data]
    if not isinstance(data, dict):
        return data
    if len(data) != 1:
        raise NotPlain("A message holds an object of another form than the ones allowed.")
    ((kind, body),) = data.items()
    if kind == "float" and isinstance(body, str) and body in _ODD_FLOATS:
        return _ODD_FLOATS[body]
    if kind == "tuple" and isinstance(body, list):
        return tuple(decode(part, depth + 1) for part in body)
    if kind == "dict" and isinstance(body, list):
        pairs = [pair for pair in body if isinstance(pair, list) and len(pair) == 2 and isinstance(pair[0], str)]
        if len(pairs) == len(body) == len({key for key, _ in pairs}):
            return {key: decode(part, depth + 1) for key, part in pairs}
    if kind == "array" and isinstance(body, list) and len(body) == 3:
        return _read_array(*body)
    raise NotPlain("A message holds an object of another form than the ones allowed.")


def _text(value: str) -> str:
    text = str.__str__(value)
    if any("\ud800" <= letter <= "\udfff" for letter in text):
        raise NotPlain("A text holds half a character (a lone surrogate).")
    return text


def _array(value: Any, depth: int) -> Json:
    import numpy

    torch = sys.modules.get("torch")  # whoever made a tensor has imported it
    if torch is not None and isinstance(value, torch.Tensor):
        value = value.detach().cpu()
        value = (value.float() if value.dtype == torch.bfloat16 else value).numpy()
    if isinstance(value, numpy.generic | numpy.ndarray) and value.dtype.char in "gG":
        raise NotPlain(
            f"A value has numpy's type {value.dtype.name}. Convert it first: float(...) for a number, "
            ".astype('float64') for an array."
        )
    if isinstance(value, numpy.generic):
        return encode(value.item(), depth) if value.dtype.name in DTYPES or value.dtype.kind == "U" else _refuse(value)
    if not isinstance(value, numpy.ndarray):
        return _refuse(value)
    if value.dtype.kind == "U":  # an array of texts is a list of them
        return encode(value.tolist(), depth)
    name = value.dtype.name
    if name not in DTYPES:
        raise NotPlain(f"An array has the type {name}; allowed are {', '.join(DTYPES)}.")
    if value.nbytes > LIMIT:
        raise NotPlain(f"An array has {value.nbytes:,} bytes; at most {LIMIT:,} are allowed.")
    little = numpy.ascontiguousarray(value, dtype=numpy.dtype(name).newbyteorder("<"))
    return {"array": [name, list(value.shape), base64.b64encode(little.tobytes()).decode("ascii")]}


def _refuse(value: object) -> NoReturn:
    raise NotPlain(
        f"A value is of type {type(value).__name__}. Return plain data: None, bool, int, float, str, list, tuple, "
        "dict with text keys, an array or a tensor."
    )


def _read_array(name: object, shape: object, text: object) -> object:
    import numpy

    if not (isinstance(name, str) and name in DTYPES and isinstance(shape, list) and isinstance(text, str)):
        raise NotPlain("A message holds an array with a type that is not allowed.")
    if len(shape) > 16 or not all(type(size) is int and 0 <= size <= LIMIT for size in shape):
        raise NotPlain("A message holds an array with an impossible shape.")
    dtype = numpy.dtype(name).newbyteorder("<")
    try:
        raw = base64.b64decode(text.encode("ascii"), validate=True)
    except (binascii.Error, ValueError):
        raise NotPlain("A message holds an array whose bytes are not base64.") from None
    if math.prod(shape) * dtype.itemsize != len(raw) or (0 in shape and math.prod(s for s in shape if s) > LIMIT):
        raise NotPlain("A message holds an array whose shape and bytes do not fit.")
    if name == "bool" and raw.strip(b"\0\1"):
        raise NotPlain("A message holds a truth value that is neither true nor false.")
    return numpy.frombuffer(raw, dtype).reshape(shape).astype(name)  # a copy of its own, in this machine's byte order


def _integer(text: str) -> int:
    if len(text) > DIGITS:
        raise NotPlain(f"A message holds an integer with more than {DIGITS} digits.")
    return int(text)


def _short(text: str) -> int | None:
    return int(text) if len(text) <= DIGITS else None


def _number(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise NotPlain("A message holds a number that is not finite.")
    return number


def _constant(text: str) -> NoReturn:
    raise NotPlain(f"A message holds {text}, which is no JSON.")
