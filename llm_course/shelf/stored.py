"""The files of a mini: whole, undamaged, and put together into the tensors of its model.

Knows nothing about architectures or tokenizers. A mini that was tuned from another one stores only what differs:
tensors that are the same lie in the base alone, and a matrix that changed may be stored as two thin factors of its
difference (low-rank adaptation: Hu and others 2021, arXiv 2106.09685).
"""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import TYPE_CHECKING

from llm_course.errors import WeightsDamaged, WeightsMissing
from llm_course.shelf import catalogue

if TYPE_CHECKING:
    import torch

# The two factors of a matrix X's difference to the base's, in a weights file: X + UP has (rows, rank), X + DOWN
# (rank, columns); the difference is their product. The names are those that peft gives them.
UP, DOWN = ".lora_B", ".lora_A"
# The files that loading depends on, as far as a mini has them.
SEALED = (
    "card.json",
    "chat_template.jinja",
    "config.json",
    "generation_config.json",
    "model.safetensors",
    "tokenizer.json",
    "tokenizer_config.json",
)


def checksum(path: Path) -> str:
    """SHA-256 of a file, in hexadecimal."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def seal(folder: Path) -> None:
    """Store the SHA-256 of every file of a mini that loading depends on."""
    path = folder.parent / "checksums.json"
    listed = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}
    files = [folder / name for name in SEALED if (folder / name).is_file()]
    listed[folder.name] = {file.name: checksum(file) for file in files}
    for file in files:
        file.chmod(0o644)
    path.write_text(json.dumps(dict(sorted(listed.items())), indent=1) + "\n", encoding="utf-8")


def folder_of(name: str) -> Path:
    """Where a mini lies, its files checked: for those who load it by the library, as the recipes and a lesson do.

    Raises:
        WeightsMissing, WeightsDamaged: as :func:`verify`.
    """
    folder = catalogue.WEIGHTS / name
    verify(folder)
    return folder


def verify(folder: Path) -> None:
    """Check every file of a mini against the checksums that were stored when it was made.

    Raises:
        WeightsMissing: a file is not there.
        WeightsDamaged: a file has another SHA-256; the message names it.
    """
    sums = folder.parent / "checksums.json"
    try:
        listed = json.loads(sums.read_text(encoding="utf-8"))[folder.name]
    except FileNotFoundError as error:
        raise WeightsMissing(f"{folder.name}: the file {sums} is missing. Install the package again.") from error
    except (ValueError, KeyError) as error:
        raise WeightsDamaged(
            f"{folder.name}: {sums} is damaged, or has no checksums of this model. Install the package again."
        ) from error
    for file, expected in listed.items():
        path = folder / file
        if not path.is_file():
            raise WeightsMissing(
                f"{folder.name}: the file {path} is missing. Install the package again, or git restore it."
            )
        if checksum(path) != expected:
            raise WeightsDamaged(f"{folder.name}: {_what_happened(path, expected)}")


def _what_happened(path: Path, expected: str) -> str:
    """Why a file is not the one that was stored, and what to do: Git may only have rewritten its line ends."""
    content = path.read_bytes()
    if hashlib.sha256(content.replace(b"\r\n", b"\n")).hexdigest() == expected:
        return (
            f"Git has changed the line ends of {path} (core.autocrlf is on, as Git for Windows has it by default, and "
            "this copy was made without the repository's .gitattributes). In the repository's folder run: "
            "git config core.autocrlf false, then: git rm -r --cached -q . and git reset --hard"
        )
    return (
        f"the file {path} is damaged (its SHA-256 is not the one stored for it). Install the package again, or bring "
        "the file back with git restore."
    )


def weights_of(folder: Path) -> dict[str, torch.Tensor]:
    """The tensors of a mini by name, those of its base included."""
    from safetensors.torch import load_file

    card = catalogue.card_in(folder)
    own = load_file(folder / "model.safetensors")
    if not card.get("base"):
        return own
    verify(folder.parent / card["base"])
    base = load_file(folder.parent / card["base"] / "model.safetensors")
    changed = {name.removesuffix(UP) for name in own if name.endswith(UP)}
    merged = {n: base[n].float() + own[n + UP].float() @ own[n + DOWN].float() for n in changed}
    plain = {name: tensor for name, tensor in own.items() if not name.endswith((UP, DOWN))}
    return {name: base[name] for name in card["shared"]} | plain | merged
