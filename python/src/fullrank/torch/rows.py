"""Which rows a batch has, and whether they are those that were certified."""

from __future__ import annotations

from typing import Any, Callable, Dict, Iterator, List, Optional, Tuple

import torch


class RowOrder:
    """The order of the rows: the loader's own where that is known, through both phases; else a permutation for each epoch.

    Args:
        loader: yields batches; None for a permutation.
        rows: n.
        seed: of the permutations.
        batch_size: rows of a batch; the loader's if None.

    Raises:
        ValueError: if the loader's data set has another number of rows.
    """

    def __init__(self, loader: Any, rows: int, seed: int, batch_size: Optional[int]) -> None:
        self._loader = loader
        self._rows = rows
        self._sampled = (
            isinstance(loader, torch.utils.data.DataLoader)
            and not isinstance(loader.dataset, torch.utils.data.IterableDataset)
            and hasattr(loader.batch_sampler, "__len__")
        )
        if self._sampled and len(loader.dataset) != rows:
            raise ValueError(f"batches: the loader's data set has {len(loader.dataset)} rows, data has {rows}")
        self._epoch: Optional[Iterator[Any]] = None
        self._taken = 0
        self._generator = torch.Generator().manual_seed(seed)
        sampler = getattr(loader, "batch_sampler", None)
        self.batch_size: int = batch_size or getattr(sampler, "batch_size", None) or 64
        self.short = rows % self.batch_size != 0 and not getattr(sampler, "drop_last", False)

    def next_batch(self) -> Any:
        """The loader's next batch."""
        if self._sampled:
            return self._next(lambda: iter(self._numbered(self._loader.dataset, True)))[1]
        return self._next(lambda: iter(self._loader))

    def next_rows(self, world: int) -> Tuple[List[int], bool]:
        """The numbers of the next batch's rows, and whether they are the last of an epoch.

        Args:
            world: the processes that train together; their batches become one.
        """
        if self._sampled and world == 1:
            rows: List[int] = self._next(lambda: iter(self._numbered(_Nothing(self._rows), False)))[0]
            return rows, self._taken == len(self._loader.batch_sampler)
        if not isinstance(self._epoch, _Permutation):
            self._epoch = None
        rows = self._next(
            lambda: _Permutation(torch.randperm(self._rows, generator=self._generator), self.batch_size * world)
        )
        return rows, self._taken == -(-self._rows // (self.batch_size * world))

    def _next(self, begin: Callable[[], Iterator[Any]]) -> Any:
        for _ in range(2):
            if self._epoch is None:
                self._epoch = begin()
                self._taken = 0
            batch = next(self._epoch, None)
            if batch is not None:
                self._taken += 1
                return batch
            self._epoch = None
        raise ValueError("batches: the loader has no batches")

    def _numbered(self, items: Any, whole: bool) -> Any:
        loader = self._loader
        # The same draws of random numbers as by the loader itself.
        options: Dict[str, Any] = {"batch_sampler": loader.batch_sampler, "generator": loader.generator}
        if whole:
            options.update(
                num_workers=loader.num_workers,
                pin_memory=loader.pin_memory,
                timeout=loader.timeout,
                worker_init_fn=loader.worker_init_fn,
                multiprocessing_context=loader.multiprocessing_context,
            )
        collate = loader.collate_fn if whole else list
        return torch.utils.data.DataLoader(_Numbered(items), collate_fn=_Collated(collate), **options)


class _Numbered(torch.utils.data.Dataset):  # type: ignore[misc]
    """A data set whose items come with their numbers."""

    def __init__(self, items: Any) -> None:
        self._items = items

    def __len__(self) -> int:
        return len(self._items)

    def __getitem__(self, index: int) -> Tuple[int, Any]:
        return index, self._items[index]


class _Collated:
    """Collates the items, and keeps their numbers apart."""

    def __init__(self, collate: Callable[[List[Any]], Any]) -> None:
        self._collate = collate

    def __call__(self, numbered: List[Tuple[int, Any]]) -> Tuple[List[int], Any]:
        return [number for number, _ in numbered], self._collate([item for _, item in numbered])


class _Nothing:
    """Stands for the items where only their order is wanted."""

    def __init__(self, rows: int) -> None:
        self._rows = rows

    def __len__(self) -> int:
        return self._rows

    def __getitem__(self, index: int) -> int:
        return 0


class _Permutation:
    """Batches of a permutation; the last may be short."""

    def __init__(self, order: Any, size: int) -> None:
        self._order = order
        self._size = size
        self._at = 0

    def __iter__(self) -> "_Permutation":
        return self

    def __next__(self) -> List[int]:
        rows: List[int] = self._order[self._at : self._at + self._size].tolist()
        self._at += self._size
        return rows


class KnownRows:
    """Finds rows by their bits.

    A row's fingerprint is a sum of its words times random odd numbers, modulo 2⁶⁴; rows with a known fingerprint are then
    compared bit by bit, so that no two rows are mistaken for each other.
    """

    def __init__(self, rows: Any) -> None:
        self._rows = _words(rows)
        generator = torch.Generator().manual_seed(1)
        odd = torch.randint(-(2**62), 2**62, (self._rows.shape[1],), generator=generator) * 2 + 1
        self._factors = odd.to(rows.device)
        self._index = {fingerprint: i for i, fingerprint in enumerate(self._fingerprints(self._rows))}

    def _fingerprints(self, words: Any) -> List[int]:
        parts = [(part.long() * self._factors).sum(1) for part in words.split(1024)]
        return [int(each) for each in torch.cat(parts).tolist()]

    def has_all(self, rows: Any) -> bool:
        """Whether each of these rows is a known one, bit by bit."""
        words = _words(rows)
        if words.shape[1] != self._rows.shape[1]:
            return False
        found = [self._index.get(each, -1) for each in self._fingerprints(words)]
        return -1 not in found and bool(torch.equal(words, self._rows[torch.tensor(found, device=words.device)]))


def _words(rows: Any) -> Any:
    types = {2: torch.int16, 4: torch.int32, 8: torch.int64}
    return rows.contiguous().view(types[rows.element_size()])
