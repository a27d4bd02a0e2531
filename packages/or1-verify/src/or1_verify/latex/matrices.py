"""Expand sums and products of matrices into one grid of expressions."""

from __future__ import annotations

from or1_verify.latex.objects import named_object
from or1_verify.latex.tree import (
    ONE,
    ZERO,
    Matrix,
    Node,
    Power,
    Product,
    Quotient,
    Sum,
    Symbol,
    replaced,
    walk,
)

ZERO_VECTOR = Symbol("vec(0)")
UNIT_VECTORS = ("i", "j", "k")
Grid = tuple[tuple[Node, ...], ...]


def grid_of(node: Node) -> Grid | None:
    """The elements of a matrix expression; None for other expressions and for shapes that do not match."""
    if not any(isinstance(part, Matrix) for part in walk(node)):
        return None
    match node:
        case Matrix(rows):
            return rows
        case Sum(terms):
            grids = [grid_of(term) for term in terms]
            return _sum([grid for grid in grids if grid is not None]) if None not in grids else None
        case Product(factors):
            return _product(factors)
        case Power(base, Symbol("T" | "top")):
            grid = grid_of(base)
            return None if grid is None else tuple(zip(*grid, strict=True))
        case Quotient(above, below):
            grid = grid_of(above)
            return None if grid is None else tuple(tuple(Quotient(n, below) for n in row) for row in grid)
    return None


def marked_symbol(mark: str, name: str) -> Symbol:
    r"""A letter with a mark: `\vec{v}` is a name of its own, `\vec{i}` and `\hat{i}` are one unit vector."""
    if mark == "overline" and len(name) == 2 and name.isupper():
        return named_object(mark, name)
    is_unit = name in UNIT_VECTORS and mark != "overline"
    return Symbol(name if is_unit else f"{mark}({name})")


def row_of_vector(node: Node) -> Grid | None:
    r"""The row of a sum of unit vectors: `\mathbf{i} + 2\mathbf{j}`; None for other expressions."""
    rows: dict[str, list[Node]] = {name: [] for name in UNIT_VECTORS}
    for term in node.terms if isinstance(node, Sum) else (node,):
        units = [part.name for part in walk(term) if isinstance(part, Symbol) and part.name in UNIT_VECTORS]
        if len(units) != 1:
            return None
        rows[units[0]].append(replaced(term, Symbol(units[0]), ONE))
    if not rows["j"] and not rows["k"]:
        return None  # an imaginary number
    return (tuple(Sum(tuple(rows[name])) for name in UNIT_VECTORS if rows[name] or name != "k"),)


def grid_like(node: Node, beside: Grid | None) -> Grid | None:
    """A sum of unit vectors, the zero vector, or an expression of the identity matrix, in the shape of a grid
    beside it."""
    if beside is None:
        return None
    size = len(beside)
    if node == ZERO_VECTOR and 1 in (size, len(beside[0])):
        return tuple(tuple(ZERO for _ in row) for row in beside)
    if size == len(beside[0]) > 1:
        rows = tuple(tuple(ONE if row == column else ZERO for column in range(size)) for row in range(size))
        for name in ("I", f"I_{size}"):
            node = replaced(node, Symbol(name), Matrix(rows))
        return grid_of(node)
    grid = row_of_vector(node)
    if grid is None:
        return None
    num_missing = len(beside) * len(beside[0]) - len(grid[0])
    row = (*grid[0], ZERO) if num_missing == 1 else grid[0]
    return tuple((element,) for element in row) if len(beside[0]) == 1 else (row,)


def _sum(grids: list[Grid]) -> Grid | None:
    if len({(len(grid), len(grid[0])) for grid in grids}) != 1:
        return None
    rows = zip(*grids, strict=True)
    return tuple(tuple(Sum(cells) for cells in zip(*row, strict=True)) for row in rows)


def _product(factors: tuple[Node, ...]) -> Grid | None:
    result: Grid | None = None
    scalars: list[Node] = []
    for factor in factors:
        grid = grid_of(factor)
        if grid is None:
            scalars.append(factor)
        elif result is None:
            result = grid
        elif len(result[0]) != len(grid):
            return None
        else:
            result = _times(result, grid)
    if result is None or not scalars:
        return result
    return tuple(tuple(Product((*scalars, cell)) for cell in row) for row in result)


def _times(left: Grid, right: Grid) -> Grid:
    columns = tuple(zip(*right, strict=True))
    return tuple(
        tuple(Sum(tuple(Product(pair) for pair in zip(row, column, strict=True))) for column in columns)
        for row in left
    )
