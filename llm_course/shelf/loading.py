"""From a name to a model that is ready to run.

Knows nothing about the use cases beyond their names. A name is one of the shelf, a local folder, or a Hub
id. Minis load by their own class and tokenizer file, which is several times faster than the library's
``Auto`` classes; everything else goes through those. Weights are safetensors only, and no code from a
model's repository is ever run.
"""

from __future__ import annotations

import json
import os
import threading
import warnings
from collections import OrderedDict
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypedDict

from llm_course import device as devices
from llm_course.batching import fits_in_memory
from llm_course.errors import BadOption, LLMCourseError, UnknownModel, WeightsDamaged, WeightsMissing, WrongTask
from llm_course.shelf import catalogue
from llm_course.shelf.architectures import AUTO_CLASSES, OWN, architectures, class_named, does
from llm_course.shelf.catalogue import Entry
from llm_course.shelf.hub import VOCABULARIES, fetch
from llm_course.shelf.stored import verify, weights_of

if TYPE_CHECKING:
    import torch

# Positions without a limit: the tokens these read at once in training. Longer texts would also fill the memory.
TRAINED_ON = {"t5": 512, "mt5": 1024, "bloom": 2048}
PROCESSORS = ("processor_config.json", "preprocessor_config.json")  # files that make pictures ready
CACHED = 6  # models kept in memory; the one unused longest goes first

# Held while something changes that threads share: the models kept, the library's messages, a setting of a model.
LOCK = threading.RLock()
_family = [""]
_cache: OrderedDict[tuple[str, ...], LanguageModel] = OrderedDict()


@dataclass(frozen=True)
class LanguageModel:
    """A model ready to run.

    Attributes:
        name: how it was asked for.
        model: the transformers model, in evaluation mode, on its device.
        tokenizer: its tokenizer.
        card: model card as plain data; empty for models that are not of the course.
        device: where it runs.
        entry: its entry on the shelf, if it has one.
        processor: what makes pictures ready for a full-size model that takes them.
    """

    name: str
    model: Any = field(repr=False)
    tokenizer: Any = field(repr=False)
    card: dict[str, Any] = field(repr=False)
    device: torch.device
    entry: Entry | None = field(default=None, repr=False)
    processor: Any = field(default=None, repr=False)

    @property
    def parameters(self) -> int:
        """Number of parameters; shared ones count once."""
        return sum(p.numel() for p in self.model.parameters())

    @cached_property
    def frame(self) -> tuple[list[int], list[int]]:
        """The special tokens that the tokenizer puts before and after a text: ``[CLS]`` and ``[SEP]`` for BERT."""
        whole = list(self.tokenizer("a")["input_ids"])
        bare = list(self.tokenizer("a", add_special_tokens=False)["input_ids"])
        for start in range(len(whole) - len(bare) + 1):
            if whole[start : start + len(bare)] == bare:
                return whole[:start], whole[start + len(bare) :]
        return [], []

    @property
    def start(self) -> list[int]:
        """The start token that stood before every text in a decoder model's training; empty where there was none."""
        if self.card.get("starts_with_bos"):
            return [self.tokenizer.bos_token_id]
        return [i for i in self.frame[0] if i == self.tokenizer.bos_token_id]

    @property
    def ends(self) -> list[int]:
        """The tokens that end a text that the model writes, in rising order."""
        ends = self.model.generation_config.eos_token_id
        ends = self.model.config.eos_token_id if ends is None else ends
        found = {*(ends if isinstance(ends, (list, tuple)) else [ends]), self.tokenizer.eos_token_id}
        return sorted(end for end in found if end is not None)

    @property
    def window(self) -> int | None:
        """Most tokens the model reads at once; ``None`` if it does not say.

        Where positions have no limit (T5, BLOOM), what it read in training.
        """
        if "window" in self.card:  # a mini that has learned fewer positions than its table holds
            return int(self.card["window"])
        config = self.model.config
        if config.model_type in TRAINED_ON:
            return TRAINED_ON[config.model_type]
        sizes = [getattr(config, n, None) for n in ("max_position_embeddings", "n_positions", "n_ctx")]
        size = next((s for s in sizes if isinstance(s, int) and s > 0), None)
        return size - self._unused if size else None

    @cached_property
    def _unused(self) -> int:
        """Places of the position table that no token takes: RoBERTa, MPNet and others count from their padding on."""
        named = self.model.named_modules()
        table = next((part for name, part in named if name.endswith("embeddings.position_embeddings")), None)
        padding = getattr(table, "padding_idx", None)
        return 0 if padding is None else padding + 1


# How a caller names a model: a name of the shelf, a Hub id, a folder, a loaded one, or None for the task's default.
ModelLike = str | Path | LanguageModel | None


class RunOptions(TypedDict, total=False):
    """How a use case shall run: what each of them takes by keyword."""

    model: ModelLike
    device: str
    progress: bool | None


def use(family: str | None = None) -> str:
    """Choose which models answer when none is named: ``"mini"`` (embedded) or ``"full"`` (from the Hub).

    Without an argument, tell the present choice. The environment variable ``LLM_COURSE_MODELS`` sets the
    first one. Nothing is downloaded until a full-size model is used.

    Raises:
        BadOption: the family is neither.
    """
    if family is not None:
        if not isinstance(family, str) or family not in catalogue.FAMILIES:
            raise BadOption(f"use({family!r}): allowed are 'mini' (embedded) and 'full' (full size, from the Hub).")
        _family[0] = family
    chosen = _family[0] or os.environ.get("LLM_COURSE_MODELS", "") or "mini"
    if chosen not in catalogue.FAMILIES:
        raise BadOption(f"LLM_COURSE_MODELS={chosen!r} is not allowed: set it to 'mini' or 'full'.")
    return chosen


def load(name: ModelLike = None, device: str = "auto", task: str | None = None) -> LanguageModel:
    """Load a model once and keep it.

    Args:
        name: a name of the shelf, a Hub id, a local folder, a model already loaded, or ``None`` for the
            default of the task.
        device: ``"auto"``, ``"cpu"``, ``"cuda"`` or ``"mps"``.
        task: what it shall do: ``"generate"``, ``"sentiment"``, ``"summarize"``, ``"translate"``,
            ``"fill_mask"``, ``"embed"``, ``"chat"``, ``"describe"`` or ``"act"``; ``None`` takes the model's own class.

    Raises:
        UnknownModel: the name is nowhere; the nearest names are offered.
        WrongTask: the architecture cannot do the task.
        WeightsMissing, WeightsDamaged: a file is not there, or not what it was.
        NoNetwork, NotOnHub, AccessDenied: the Hub did not give the model.
        NoDevice: the machine has no such device.
    """
    if task is not None and task not in tuple(AUTO_CLASSES):
        raise BadOption(f"task={task!r} is not allowed: it is one of {', '.join(AUTO_CLASSES)}.")
    if isinstance(name, LanguageModel):
        if task and not does(type(name.model).__name__, name.model.config, task):
            raise _wrong(f"{name.name} ({type(name.model).__name__})", task)
        if str(device) != "auto" and not _same(devices.resolve(device), name.device):
            raise BadOption(
                f"{name.name} is loaded on {name.device} and stays there: device={str(device)!r} cannot move it. "
                "Leave device out, or give the name instead of the loaded model."
            )
        return name
    if name is None:
        if task is None:
            raise BadOption(f"load() needs a name. On the shelf: {', '.join(catalogue.catalogue())}.")
        name = catalogue.default(use(), task)
    if not isinstance(name, (str, Path)) or not str(name).strip():
        raise UnknownModel(
            f"model={name!r} is no name: give a name of the shelf, a Hub id, a folder or a loaded model."
        )
    target = devices.resolve(device)
    entry = catalogue.known(name) if isinstance(name, str) else None
    if entry and entry.folder and not entry.tasks:
        verify(entry.folder)
        raise WeightsDamaged(
            f"{entry.folder / 'card.json'} is damaged: it is no whole record. Bring it back with git restore."
        )
    if entry and task and task not in entry.tasks and not (task == "embed" and _reads_text(entry)):
        raise _wrong(f"{entry.name!r} ({entry.architecture})", task)
    folder = None if entry else _folder(name)
    if isinstance(name, Path) and not folder:
        raise UnknownModel(f"There is no folder {str(name)!r}. For a model of the shelf or the Hub give a str.")
    key: tuple[str, ...] = (
        entry.name if entry else str(folder or name),
        str(target),
        # Tasks of the same class share a model; a mini is always loaded by the class it was saved with.
        "" if entry and entry.folder else "|".join(AUTO_CLASSES[task]) if task else "",
    )
    if folder:
        # A folder may be trained on and saved again: then it is another model.
        key += tuple(f"{file.name} {file.stat().st_mtime_ns}" for file in sorted(folder.iterdir()) if file.is_file())
    with LOCK:
        if key not in _cache:
            _cache[key] = _load(str(name), entry, folder, target, task)
            while len(_cache) > CACHED:
                _cache.popitem(last=False)
        _cache.move_to_end(key)
        return _cache[key]


def _same(one: torch.device, other: torch.device) -> bool:
    """Whether two devices are one; without a number a kind's first or current one is meant."""
    return one.type == other.type and (None in (one.index, other.index) or one.index == other.index)


def _reads_text(entry: Entry) -> bool:
    """Whether any body of that class gives vectors for a text, though nobody trained it for that."""
    kind = class_named(entry.architecture).config_class
    return does(entry.architecture, kind, "embed")


def _folder(name: str | Path) -> Path | None:
    """The local folder of that name, if there is one; a name may also be none that the system allows."""
    try:
        return Path(name).resolve() if Path(name).is_dir() else None
    except (OSError, ValueError):
        return None


def _wrong(what: str, task: str) -> WrongTask:
    fit = [e.name for e in catalogue.catalogue().values() if task in e.tasks]
    return WrongTask(f"{what} does not do {task!r}. These do: {', '.join(fit)}.")


def forget() -> None:
    """Drop every kept model, so that its memory can be used again."""
    with LOCK:
        _cache.clear()


def _load(name: str, entry: Entry | None, folder: Path | None, device: torch.device, task: str | None) -> LanguageModel:
    processor = None
    if entry and entry.folder:
        verify(entry.folder)
        model, tokenizer = _mini(entry)
    elif folder:
        model, tokenizer, processor = _auto(folder, task)
    elif entry or (name.count("/") == 1 and not name.startswith((".", "/", "~"))):
        model, tokenizer, processor = _auto(
            fetch(entry.hub if entry and entry.hub else name, entry.revision if entry else None), task
        )
    else:
        raise catalogue.unknown(name, task)
    # Long texts are read in windows or refused; the tokenizer's own warning about length would mislead.
    tokenizer.deprecation_warnings["sequence-length-is-longer-than-the-specified-maximum"] = True
    size = sum(p.numel() for p in model.parameters())
    with fits_in_memory(f"{name} with its {size / 1e6:,.0f} million parameters"):
        model = model.to(device=device, dtype=devices.number_format(device, size)).eval().requires_grad_(False)
    card = entry.card if entry else catalogue.card_in(folder) if folder else {}
    return LanguageModel(entry.name if entry else name, model, tokenizer, card, device, entry, processor)


@contextmanager
def quiet() -> Iterator[None]:
    """No bars and no reports while weights load from disk: the errors below say what matters."""
    from transformers.utils import logging

    with LOCK:
        level, bars = logging.get_verbosity(), logging.is_progress_bar_enabled()
        logging.set_verbosity_error()
        logging.disable_progress_bar()
        try:
            yield
        finally:
            logging.set_verbosity(level)
            if bars:
                logging.enable_progress_bar()


def _mini(entry: Entry) -> tuple[Any, Any]:
    import torch
    import transformers

    assert entry.folder is not None
    model_class = class_named(entry.architecture)
    # Eager attention: at the lengths of the minis it is faster than the fused kernel on a CPU.
    config = model_class.config_class.from_pretrained(entry.folder, attn_implementation="eager")
    with quiet():
        model = model_class.from_pretrained(
            None, config=config, state_dict=weights_of(entry.folder), dtype=torch.float32
        )
    return model, transformers.PreTrainedTokenizerFast.from_pretrained(entry.folder)


def _auto(folder: Path, task: str | None) -> tuple[Any, Any, Any]:
    import transformers

    if not (folder / "config.json").is_file():
        raise WeightsMissing(f"{folder} has no config.json: it is no model folder. Save one with save_pretrained().")
    if not any(folder.glob("*.safetensors")):
        raise WeightsMissing(
            f"{folder} has no .safetensors file. The course loads no other format, since pickled weights can run code. "
            "Convert them: load the model with transformers and call save_pretrained() on it."
        )
    if not any(list(folder.glob(pattern)) for pattern in VOCABULARIES):
        # The library would make an empty tokenizer without a word.
        raise WeightsMissing(f"{folder} has no tokenizer. Save it beside the model: tokenizer.save_pretrained(folder).")
    try:
        written = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    except ValueError as error:
        raise WeightsDamaged(f"{folder / 'config.json'} is damaged: it is not JSON ({error}).") from error
    try:
        if written.get("architectures") and written["architectures"][0] in OWN:
            class_named(written["architectures"][0])  # makes its type known to the library
        config = transformers.AutoConfig.from_pretrained(folder, trust_remote_code=False)
    except Exception as error:  # whatever a strange config.json makes the library raise
        raise WrongTask(f"{folder}: its config.json names no architecture that transformers knows: {error}") from error
    own = str((config.architectures or [""])[0])
    if task is None:
        model_class: Any = class_named(own) if own in OWN else getattr(transformers, own or "AutoModel", None)
        if not hasattr(model_class, "from_pretrained"):
            raise WrongTask(f"{folder}: its config.json names the class {own!r}, which transformers does not have.")
    else:
        if not does(own, config, task):
            allowed = sorted({kind for c in AUTO_CLASSES[task] for kind in architectures(c)})
            raise WrongTask(
                f"{folder} holds a {own or 'model'} of type {config.model_type!r}, which does not do {task!r}. "
                f"Types that can, saved with the right head: {', '.join(allowed)}."
            )
        fits = own if own in OWN else next(c for c in AUTO_CLASSES[task] if does(own, config, task, c))
        model_class = class_named(fits)
    try:
        with quiet(), fits_in_memory(str(folder)):
            model, info = model_class.from_pretrained(
                folder, dtype="auto", use_safetensors=True, trust_remote_code=False, output_loading_info=True
            )
        with warnings.catch_warnings():
            # Marian's tokenizer recommends another package, which evens out quotation marks and dashes.
            warnings.filterwarnings("ignore", message=".*sacremoses")
            tokenizer = transformers.AutoTokenizer.from_pretrained(folder, trust_remote_code=False)
            processor = None
            if does(own, config, "describe") and any((folder / file).is_file() for file in PROCESSORS):
                processor = transformers.AutoProcessor.from_pretrained(folder, trust_remote_code=False)
    except LLMCourseError:
        raise
    except ImportError as error:
        raise LLMCourseError(f"{folder} needs a package that is not installed here: {error}") from error
    except Exception as error:  # the library and safetensors raise many kinds here, all about the files
        raise WeightsDamaged(f"{folder}: the model cannot be loaded, a file is damaged or missing: {error}") from error
    missing = sorted(k for k in info["missing_keys"] if not k.endswith("final_logits_bias"))  # a buffer of zeros
    if task == "embed":  # BERT's pooler is not used, and only some heads were saved with one
        missing = [k for k in missing if not k.startswith("pooler.")]
    if missing:
        raise WrongTask(
            f"{folder} lacks weights for {task!r} (first: {missing[0]}); they would be random. "
            "It was saved by another kind of model: take one that was trained for this task."
        )
    return model, tokenizer, processor
