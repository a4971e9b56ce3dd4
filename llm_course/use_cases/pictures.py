"""Any picture in, pixels out: arrays, PIL images, files and scenes become arrays of red, green and blue.

Knows nothing about models. What is no picture is refused with a message that says why.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias, TypeGuard

import numpy as np

from llm_course.errors import BadInput
from llm_course.worlds.scenes import Scene, draw

if TYPE_CHECKING:
    import torch
    from PIL import Image

Picture: TypeAlias = "str | Path | np.ndarray | Image.Image | Scene"
LEAST, MOST_PIXELS = 8, 100_000_000  # pixels of a side at least; pixels of a picture at most
ALLOWED = "A picture is a file name, a NumPy array (height, width, 3), a PIL image or a scene."


def pictures_of(image: object, side: int) -> tuple[list[np.ndarray], bool]:
    """Check one picture or a list of them; return arrays and whether it was one.

    Args:
        image: a file name, an array, a PIL image, a scene, or a list of these.
        side: pixels of a side in which a scene is drawn; other pictures keep their size.

    Returns:
        Arrays ``(height, width, 3)`` of ``uint8``, and ``True`` for a single picture.

    Raises:
        BadInput: it is no picture, or the file is missing or damaged.
    """
    if not isinstance(image, (list, tuple)):
        return [_pixels(image, side, "")], True
    if not len(image):
        raise BadInput(f"The list of pictures is empty. {ALLOWED}")
    return [_pixels(one, side, f" (number {number} of the list)") for number, one in enumerate(image)], False


def _pixels(image: object, side: int, where: str) -> np.ndarray:
    if isinstance(image, Scene):
        return draw(image, side)
    if isinstance(image, (str, Path)):
        return _file(image, where)
    if _is_pil(image):
        return _pil(image, where)
    if isinstance(image, np.ndarray) or hasattr(image, "__array__"):
        return _array(image, where)
    raise BadInput(f"{type(image).__name__} is no picture{where}. {ALLOWED}")


def _is_pil(image: object) -> TypeGuard[Image.Image]:
    return type(image).__module__.startswith("PIL.")  # without importing it


def _file(name: str | Path, where: str) -> np.ndarray:
    from PIL import Image, UnidentifiedImageError

    if str(name).startswith(("http://", "https://")):
        raise BadInput(f"{name!s} is an address{where}: save the picture to a file first. {ALLOWED}")
    try:
        if not Path(name).is_file():
            raise BadInput(f"There is no file {str(name)!r}{where}. {ALLOWED}")
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)  # its size is checked below
            with Image.open(name) as opened:
                return _pil(opened, where)
    except UnidentifiedImageError as error:
        raise BadInput(f"{str(name)!r} is no picture that can be read{where}. Save it as PNG or JPEG.") from error
    except Image.DecompressionBombError as error:
        raise BadInput(_too_large(f"{str(name)!r}{where}")) from error
    except BadInput:
        raise
    except (OSError, ValueError, SyntaxError, EOFError) as error:  # what Pillow raises for damaged files
        raise BadInput(f"The picture {str(name)!r} cannot be read{where}; is the file damaged? ({error})") from error


def _too_large(what: str) -> str:
    return f"The picture {what} is too large: at most {MOST_PIXELS // 1_000_000} million pixels. Make it smaller."


def _pil(image: Image.Image, where: str) -> np.ndarray:
    from PIL import Image, ImageOps

    _check_size(image.height, image.width, where)
    try:
        image = ImageOps.exif_transpose(image)  # as the camera was held
        if image.mode.startswith(("I", "F")):  # 16 bits or more a pixel: scaled by what is there
            return _array(np.asarray(image).astype(np.float64) / max(1.0, float(np.asarray(image).max())), where)
        if image.mode in ("RGBA", "LA", "PA", "La", "RGBa") or "transparency" in image.info:
            image = image.convert("RGBA")
            image = Image.alpha_composite(Image.new("RGBA", image.size, "white"), image)
        return np.asarray(image.convert("RGB"))
    except BadInput:  # a ValueError, too
        raise
    except (OSError, ValueError, SyntaxError) as error:
        raise BadInput(f"The picture cannot be read{where}; is it damaged? ({error})") from error


def _check_size(height: int, width: int, where: str) -> None:
    if min(height, width) < LEAST:
        raise BadInput(f"The picture is {width} x {height} pixels{where}: at least {LEAST} x {LEAST} are needed.")
    if height * width > MOST_PIXELS:
        raise BadInput(_too_large(f"of {width} x {height} pixels{where}"))


def _array(image: object, where: str) -> np.ndarray:
    """Grey, RGB or RGBA; whole numbers from 0 to 255, fractions from 0 to 1, or true and false."""
    try:
        array = np.asarray(image)
    except Exception as error:  # whatever a strange object's own conversion raises
        raise BadInput(f"{type(image).__name__} does not become an array{where}: {error}. {ALLOWED}") from error
    if array.ndim == 3 and array.shape[2] == 1:
        array = array[:, :, 0]
    if array.ndim not in (2, 3) or (array.ndim == 3 and array.shape[2] not in (3, 4)):
        hint = ""
        if array.ndim == 3 and array.shape[0] in (1, 3, 4):
            hint = " The colors come last: array.transpose(1, 2, 0)."
        raise BadInput(
            f"An array of shape {array.shape} is no picture{where}: it must be (height, width, 3), "
            f"or 4 with transparency, or (height, width) for shades of grey.{hint}"
        )
    _check_size(array.shape[0], array.shape[1], where)
    if array.dtype == bool:
        array = array * np.uint8(255)
    elif np.issubdtype(array.dtype, np.floating):
        if not np.isfinite(array).all() or array.min() < 0 or array.max() > 1:
            raise BadInput(f"A picture of fractions must hold numbers from 0 to 1{where}. Divide by 255, or use uint8.")
        array = (array * 255 + 0.5).astype(np.uint8)
    elif np.issubdtype(array.dtype, np.integer):
        if array.min() < 0 or array.max() > 255:
            raise BadInput(f"A picture of whole numbers must hold 0 to 255{where}, not {array.min()} to {array.max()}.")
        array = array.astype(np.uint8)
    else:
        raise BadInput(f"An array of {array.dtype} is no picture{where}: use uint8.")
    if array.ndim == 2:
        return np.repeat(array[:, :, None], 3, axis=2)
    if array.shape[2] == 4:  # on white, as a page would show it
        opaque = array[:, :, 3:] / 255
        array = (array[:, :, :3] * opaque + 255 * (1 - opaque) + 0.5).astype(np.uint8)
    return array


def square(picture: np.ndarray, side: int) -> np.ndarray:
    """A picture as ``(side, side, 3)``: made square by a rim in the color of its edge, then scaled."""
    from PIL import Image

    height, width = picture.shape[:2]
    if height != width:
        longest = max(height, width)
        edge = np.concatenate([picture[0], picture[-1], picture[:, 0], picture[:, -1]])
        whole = np.empty((longest, longest, 3), dtype=np.uint8)
        whole[:] = np.median(edge, axis=0)
        top, left = (longest - height) // 2, (longest - width) // 2
        whole[top : top + height, left : left + width] = picture
        picture = whole
    if picture.shape[0] == side:
        return picture
    return np.asarray(Image.fromarray(picture).resize((side, side), Image.Resampling.BOX))


def normalized(pictures: Sequence[np.ndarray]) -> torch.Tensor:
    """Pictures ``(side, side, 3)`` of ``uint8`` as one tensor ``(pictures, 3, side, side)`` from -1 to 1."""
    import torch

    return torch.from_numpy(np.stack(pictures)).permute(0, 3, 1, 2).float() / 127.5 - 1
