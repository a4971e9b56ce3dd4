"""What is added to attention scores before the softmax, kept small: masks as rules, position biases as tables.

Knows nothing about models. A mask of n x n entries is nearly always a rule of two or three numbers (look back only,
look at most 64 tokens away, leave out the padding), and a bias for n x n pairs is nearly always a table over n
distances or n columns. The functions here find the rule, check it against every entry, and keep the matrix only if
no rule fits. So what is kept grows with the length of the text, not with its square.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import torch


@dataclass(frozen=True, eq=False)
class Mask:
    """Which columns (keys) a row (query) may look at. Each rule given must hold.

    Attributes:
        below: how many columns back a row may look (row i sees column i - below); ``None``: as far as there are.
        above: how many columns ahead; 0 is the causal mask, ``None``: as far as there are.
        columns: bool ``(columns,)``, False for padding; ``None``: every column.
        matrix: bool ``(1 or heads, rows, columns)`` where no rule fits.
    """

    below: int | None = None
    above: int | None = None
    columns: torch.Tensor | None = None
    matrix: torch.Tensor | None = None

    @property
    def kind(self) -> str:
        """``"none"`` (nothing is masked), ``"causal"`` (the plain causal mask and nothing else) or ``"other"``."""
        if self.below is not None or self.columns is not None or self.matrix is not None:
            return "other"
        return {None: "none", 0: "causal"}.get(self.above, "other")

    def allowed(self, head: int, rows: int, columns: int) -> torch.Tensor | None:
        """Bool ``(rows, columns)``: True where the row may look; ``None`` if it may look everywhere."""
        import torch

        if self.kind == "none":
            return None
        if self.matrix is not None:
            return self.matrix[head if len(self.matrix) > 1 else 0]
        found = torch.ones(rows, columns, dtype=torch.bool)
        if self.above is not None:
            found = found.tril_(self.above)
        if self.below is not None:
            found = found.triu_(-self.below)
        return found if self.columns is None else found & self.columns

    def tensors(self) -> list[torch.Tensor]:
        """What takes memory."""
        return [part for part in (self.columns, self.matrix) if part is not None]


@dataclass(frozen=True, eq=False)
class Offset:
    """A number added to each score, by where row and column stand. Exactly one form is set.

    Attributes:
        distances: ``(heads, rows + columns - 1)``: entry ``column - row + rows - 1`` (T5's position bias).
        columns: ``(heads, columns)``: the same in every row.
        slopes: ``(heads, 1)``, and ``places`` ``(columns,)``: the offset of a column is slope times place
            (ALiBi, Press, Smith and Lewis 2022; what is the same for a whole row cancels in the softmax).
        matrix: ``(heads, rows, columns)`` where no other form fits.
    """

    distances: torch.Tensor | None = None
    columns: torch.Tensor | None = None
    slopes: torch.Tensor | None = None
    places: torch.Tensor | None = None
    matrix: torch.Tensor | None = None

    def of(self, head: int, rows: int, columns: int) -> torch.Tensor:
        """The offsets of one head, float32 ``(rows, columns)``."""
        if self.distances is not None:
            return self.distances[head].float().unfold(0, columns, 1).flip(0)
        if self.slopes is not None and self.places is not None:
            return (self.slopes[head].float() * self.places.float()).expand(rows, columns)
        if self.columns is not None:
            return self.columns[head].float().expand(rows, columns)
        assert self.matrix is not None
        return self.matrix[head].float()

    def tensors(self) -> list[torch.Tensor]:
        """What takes memory."""
        return [p for p in (self.distances, self.columns, self.slopes, self.places, self.matrix) if p is not None]


def shorten(
    mask: torch.Tensor | None, offset: torch.Tensor | None, batch: int, rows: int, columns: int, causal: bool
) -> list[tuple[Mask, Offset | None]]:
    """The mask and the offsets of each text of a batch, in their shortest forms.

    Args:
        mask: bool (True: may look) or added numbers, ``(batch or 1, heads or 1, rows or 1, columns)``.
        offset: added numbers without a mask, ``(batch or 1, heads, rows or 1, columns)``.
        batch, rows, columns: sizes of the scores.
        causal: without a mask: whether rows look back only.
    """
    import torch

    found: list[tuple[Mask, Offset | None]] = []
    same = mask is None and (offset is None or len(offset) == 1)  # for every text of the batch
    for b in range(1 if same else batch):
        allowed = added = None
        if mask is not None:
            own = mask[b if len(mask) > 1 else 0]
            if mask.dtype == torch.bool:
                allowed = own.expand(-1, rows, columns)
            else:
                # "Minus infinity" is often the least number of the format, or half of it after a sum.
                allowed = (own > torch.finfo(own.dtype).min / 4).expand(-1, rows, columns)
                added = own.expand(-1, rows, columns)
        if offset is not None:
            own = offset[b if len(offset) > 1 else 0]
            added = own if added is None else added + own
        short = Mask(above=0 if causal and rows > 1 else None) if allowed is None else shorten_mask(allowed)
        found.append((short, None if added is None else shorten_offset(added.detach(), allowed)))
    return found * batch if same else found


def shorten_mask(allowed: torch.Tensor) -> Mask:
    """The shortest rule that gives exactly this mask.

    Args:
        allowed: bool ``(1 or heads, rows, columns)``, True where a row may look.
    """
    if len(allowed) > 1 and bool((allowed == allowed[:1]).all()):
        allowed = allowed[:1]
    if len(allowed) > 1:
        return Mask(matrix=allowed.cpu())
    one = allowed[0]
    rows, columns = one.shape
    seen = one.any(0)
    keys = None if bool(seen.all()) else seen.cpu()
    looks = one.any(1)
    # The farthest that any row looks back and ahead, in columns.
    places = one.byte()  # argmax of 0 and 1 finds the first 1
    at = looks.nonzero()[:, 0]
    back = ahead = 0
    if len(at):
        back = int((at - places.argmax(1)[at]).max())
        ahead = int((columns - 1 - places.flip(1).argmax(1)[at] - at).max())
    for below, above in ((None, None), (None, 0), (None, ahead), (back, None), (back, 0), (back, ahead)):
        if (below is not None and below < 0) or (above is not None and above < 0):
            continue
        rule = Mask(below, above, keys)
        rebuilt = rule.allowed(0, rows, columns)
        if one.all() if rebuilt is None else bool((rebuilt.to(one.device) == one).all()):
            return rule
    return Mask(matrix=allowed.cpu())


def shorten_offset(values: torch.Tensor, allowed: torch.Tensor | None = None) -> Offset | None:
    """The shortest form that gives exactly these offsets; ``None`` if all are 0.

    Args:
        values: ``(heads, rows, columns)``; one row stands for all rows.
        allowed: bool ``(1 or heads, rows, columns)``; entries that are masked anyway may differ.
    """
    import torch

    ignored = torch.zeros_like(values[:1], dtype=torch.bool) if allowed is None else ~allowed
    values = values.masked_fill(ignored, 0)
    if not bool(values.any()):
        return None
    if values.shape[1] == 1:
        return _sloped(values[:, 0].cpu())
    lowest = values.masked_fill(ignored, float("-inf"))
    by_column = lowest.amax(1)
    by_column = by_column.masked_fill(by_column.isinf(), 0)
    if bool(((values == by_column[:, None]) | ignored).all()):
        return _sloped(by_column.cpu())
    by_distance = torch.stack([_diagonals(one) for one in lowest])
    by_distance = by_distance.masked_fill(by_distance.isinf(), 0)
    columns = values.shape[2]
    if all(
        bool(((one == table.unfold(0, columns, 1).flip(0)) | ignored[h if len(ignored) > 1 else 0]).all())
        for h, (one, table) in enumerate(zip(values, by_distance, strict=True))
    ):
        return Offset(distances=by_distance.cpu())
    return Offset(matrix=values.cpu())


def _sloped(by_column: torch.Tensor) -> Offset:
    """Offsets ``(heads, columns)``, as slopes times places if they are that."""
    first = by_column[0].float()
    steps = first[first != 0].abs()
    unit = steps.min() if len(steps) else first.new_tensor(1.0)
    places = (first.abs() / unit).round()
    if not bool((places == 1).any()):
        return Offset(columns=by_column)
    slopes = by_column[:, places == 1][:, :1].float()
    if bool(((slopes * places).to(by_column.dtype) == by_column).all()):
        return Offset(slopes=slopes, places=places)
    return Offset(columns=by_column)


def _diagonals(one: torch.Tensor) -> torch.Tensor:
    """The largest entry on each diagonal of ``(rows, columns)``, from the lowest left to the highest right."""
    rows, columns = one.shape
    length = rows + columns - 1
    # Written one place further left in each row, the diagonals become columns.
    shifted = one.new_full((rows, length), float("-inf"))
    shifted.as_strided((rows, columns), (length - 1, 1), rows - 1).copy_(one)
    return shifted.amax(0)
