"""Make wrong answers: change a solution in one place, as a slip of the pen would.

A mutant differs from the solution in the text of one expression or statement. The rules are those of mutation testing
(R. A. DeMillo, R. J. Lipton, F. G. Sayward, Hints on Test Data Selection, IEEE Computer 11(4), 1978), chosen for code
on arrays: axes, bounds, shapes and modes. What an error message says is left alone.
"""

import ast
import builtins
import copy
from collections.abc import Container, Iterator
from dataclasses import dataclass

OPERATORS: dict[type[ast.operator], type[ast.operator]] = {
    ast.Add: ast.Sub,
    ast.Sub: ast.Add,
    ast.Mult: ast.Div,
    ast.Div: ast.Mult,
    ast.FloorDiv: ast.Mult,
    ast.Mod: ast.FloorDiv,
    ast.Pow: ast.Mult,
}
COMPARISONS: dict[type[ast.cmpop], tuple[type[ast.cmpop], ...]] = {
    ast.Lt: (ast.LtE, ast.GtE),
    ast.LtE: (ast.Lt, ast.Gt),
    ast.Gt: (ast.GtE, ast.LtE),
    ast.GtE: (ast.Gt, ast.Lt),
    ast.Eq: (ast.NotEq,),
    ast.NotEq: (ast.Eq,),
    ast.Is: (ast.IsNot,),
    ast.IsNot: (ast.Is,),
    ast.In: (ast.NotIn,),
    ast.NotIn: (ast.In,),
}
NAMES = {
    "max": "min",
    "amax": "amin",
    "argmax": "argmin",
    "maximum": "minimum",
    "mean": "sum",
    "ceil": "floor",
    "zeros": "ones",
    "zeros_like": "ones_like",
    "train": "eval",
    "MaxPool2d": "AvgPool2d",
    "max_pool2d": "avg_pool2d",
    "log_softmax": "softmax",
    "exp": "expm1",
    "sqrt": "square",
    "vstack": "hstack",
}
NAMES |= {new: old for old, new in NAMES.items()}
"""A function or method and the one that is taken for it."""

MODES = ("valid", "same", "full"), ("mean", "sum"), ("zeros", "reflect", "replicate", "circular")
"""Options written as words; each is changed to the next of its kind."""

AXES = {"axis", "dim", "dims", "axes", "start_dim", "end_dim"}


@dataclass(frozen=True)
class Mutant:
    """One wrong answer: `source` is the whole cell, in which `before` on line `line` became `after`."""

    cell: str
    line: int
    before: str
    after: str
    source: str

    def __str__(self) -> str:
        return f"{self.cell}, line {self.line}: {self.before} → {self.after}"


def mutants(cell: str, source: str, lines: Container[int]) -> list[Mutant]:
    """Every mutant of the cell `cell` whose change begins on one of `lines` (counted from 1), in order of place.

    Returns an empty list for a cell that is not Python (a magic, say).
    """
    try:
        tree = ast.parse(source)
    except (SyntaxError, ValueError):
        return []
    found: dict[str, Mutant] = {}
    for node, changed in _changes(tree):
        if node.lineno in lines and (mutant := _mutant(cell, source, node, changed)):
            found.setdefault(mutant.source, mutant)
    return sorted(found.values(), key=lambda mutant: mutant.line)


def solution_lines(source: str) -> set[int]:
    """The lines, counted from 1, that nbgrader would cut out of a cell; all of them where nothing is marked."""
    lines = source.splitlines()
    found: set[int] = set()
    within = False
    for number, line in enumerate(lines, 1):
        if "### BEGIN SOLUTION" in line or "### END SOLUTION" in line:
            within = "BEGIN" in line
        elif within:
            found.add(number)
    return found or set(range(1, len(lines) + 1))


def _mutant(cell: str, source: str, node: ast.AST, changed: str) -> Mutant | None:
    before = ast.get_source_segment(source, node)
    start, end = (_offset(source, *place) for place in _places(node))
    mutated = source[:start] + changed + source[end:]
    try:
        same = ast.dump(ast.parse(mutated)) == ast.dump(ast.parse(source))
    except SyntaxError:
        return None
    return None if same else Mutant(cell, node.lineno, _one_line(before), _one_line(changed), mutated)


def _changes(tree: ast.Module) -> Iterator[tuple[ast.AST, str]]:
    """Each node that is changed, and the text that takes its place."""
    left_alone = {id(part) for node in ast.walk(tree) for part in _left_alone(node)}
    for node in ast.walk(tree):
        if id(node) not in left_alone and (rule := RULES.get(type(node))):
            for changed in rule(node):
                yield node, changed


def _left_alone(node: ast.AST) -> Iterator[ast.AST]:
    """Parts of a node that no test could tell from others: types, docstrings, and what an error says."""
    for name in ("annotation", "returns"):
        if part := getattr(node, name, None):
            yield from ast.walk(part)
    if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
        yield from ast.walk(node)
    if isinstance(node, ast.Raise) and node.exc:
        yield from ast.walk(node.exc)
    if isinstance(node, ast.Assert) and node.msg:
        yield from ast.walk(node.msg)
    if isinstance(node, ast.Subscript) and isinstance(node.slice, ast.Tuple):
        yield node.slice  # its axes are swapped with the whole subscript


def _operation(node: ast.BinOp) -> Iterator[str]:
    if other := OPERATORS.get(type(node.op)):
        yield _with(node, op=other())
    if isinstance(node.op, ast.MatMult):
        yield _with(node, left=node.right, right=node.left)


def _assigned_operation(node: ast.AugAssign) -> Iterator[str]:
    if other := OPERATORS.get(type(node.op)):
        yield _with(node, op=other())
    yield f"{ast.unparse(node.target)} = {ast.unparse(node.value)}"
    yield "pass"


def _comparison(node: ast.Compare) -> Iterator[str]:
    for other in COMPARISONS[type(node.ops[0])]:
        yield _with(node, ops=[other(), *node.ops[1:]])


def _connective(node: ast.BoolOp) -> Iterator[str]:
    yield _with(node, op=ast.Or() if isinstance(node.op, ast.And) else ast.And())


def _sign(node: ast.UnaryOp) -> Iterator[str]:
    yield f"({ast.unparse(node.operand)})"


def _constant(node: ast.Constant) -> Iterator[str]:
    value = node.value
    if isinstance(value, bool):
        yield repr(not value)
    elif isinstance(value, int):
        yield repr(value + 1)
        if value > 0:
            yield repr(value - 1)
    elif isinstance(value, float):
        yield repr(value * 2 if value else 1.0)
    elif isinstance(value, str):
        for words in MODES:
            if value in words:
                yield repr(words[(words.index(value) + 1) % len(words)])


def _slice(node: ast.Slice) -> Iterator[str]:
    for bound in ("lower", "upper"):
        value = getattr(node, bound)
        if value is not None and not isinstance(value, ast.Constant):  # a number is changed by its own rule
            yield _with(node, **{bound: _plus_one(value)})
    if node.step is not None:
        yield _with(node, step=None)


def _subscript(node: ast.Subscript) -> Iterator[str]:
    """Swapped axes: `x[i, j]` for `x[j, i]`."""
    index = node.slice
    if isinstance(node.ctx, ast.Load) and isinstance(index, ast.Tuple) and len(index.elts) > 1:
        yield _with(node, slice=ast.Tuple([index.elts[1], index.elts[0], *index.elts[2:]], ast.Load()))


def _tuple(node: ast.Tuple) -> Iterator[str]:
    if isinstance(node.ctx, ast.Load) and len(node.elts) == 2:
        first, second = node.elts
        yield f"({ast.unparse(second)}, {ast.unparse(first)})"


def _attribute(node: ast.Attribute) -> Iterator[str]:
    if node.attr in NAMES:
        yield _with(node, attr=NAMES[node.attr])
    if node.attr in ("T", "mT"):
        yield ast.unparse(node.value)


def _name(node: ast.Name) -> Iterator[str]:
    if isinstance(node.ctx, ast.Load) and node.id in NAMES and hasattr(builtins, node.id):
        yield NAMES[node.id]


def _call(node: ast.Call) -> Iterator[str]:
    if len(node.args) >= 2 and not any(isinstance(argument, ast.Starred) for argument in node.args[:2]):
        yield _with(node, args=[node.args[1], node.args[0], *node.args[2:]])
    for dropped in node.keywords:
        if dropped.arg:
            yield _with(node, keywords=[keyword for keyword in node.keywords if keyword is not dropped])
    if isinstance(node.func, ast.Name) and node.func.id == "range":
        last = 0 if len(node.args) == 1 else 1
        if not isinstance(node.args[last], ast.Constant):
            less = ast.BinOp(node.args[last], ast.Sub(), ast.Constant(1))
            yield _with(node, args=[*node.args[:last], less, *node.args[last + 1 :]])
    if len(node.args) == 1 and not node.keywords and isinstance(node.args[0], ast.Name | ast.BinOp | ast.Call):
        yield f"({ast.unparse(node.args[0])})"  # the function is left out: relu(x) becomes x
    if isinstance(node.func, ast.Attribute) and not node.args:
        yield ast.unparse(node.func.value)  # the method is left out: x.copy() becomes x


def _axis(node: ast.keyword) -> Iterator[str]:
    if node.arg in AXES and isinstance(node.value, ast.Constant) and isinstance(node.value.value, int):
        yield f"{node.arg}={0 if node.value.value else 1}"


def _dropped(node: ast.stmt) -> Iterator[str]:
    yield "pass"


def _condition(node: ast.If) -> Iterator[str]:
    """Neither way: the condition always holds, or the whole statement is left out."""
    text = ast.unparse(node)
    indent = " " * node.col_offset
    yield ("\n" + indent).join(text.replace(ast.unparse(node.test), "True", 1).splitlines())
    if not node.orelse:
        yield "pass"


RULES = {
    ast.BinOp: _operation,
    ast.AugAssign: _assigned_operation,
    ast.Compare: _comparison,
    ast.BoolOp: _connective,
    ast.UnaryOp: _sign,
    ast.Constant: _constant,
    ast.Slice: _slice,
    ast.Subscript: _subscript,
    ast.Tuple: _tuple,
    ast.Attribute: _attribute,
    ast.Name: _name,
    ast.Call: _call,
    ast.keyword: _axis,
    ast.Expr: _dropped,
    ast.Raise: _dropped,
    ast.Break: _dropped,
    ast.Continue: _dropped,
    ast.If: _condition,
}


def _with(node: ast.AST, **changes: object) -> str:
    changed = copy.copy(node)
    for name, value in changes.items():
        setattr(changed, name, value)
    text = ast.unparse(ast.fix_missing_locations(changed))
    # Within a larger expression a sum must stay together: a * (b + c) is not a * b + c.
    return f"({text})" if isinstance(node, ast.BinOp | ast.Compare | ast.BoolOp) else text


def _plus_one(value: ast.expr) -> ast.expr:
    return ast.BinOp(value, ast.Add(), ast.Constant(1))


def _places(node: ast.AST) -> tuple[tuple[int, int], tuple[int, int]]:
    return (node.lineno, node.col_offset), (node.end_lineno, node.end_col_offset)


def _offset(source: str, line: int, column: int) -> int:
    """Where in `source` a place of the syntax tree is, whose columns count bytes of UTF-8."""
    lines = source.splitlines(keepends=True)
    return sum(map(len, lines[: line - 1])) + len(lines[line - 1].encode()[:column].decode())


def _one_line(text: str) -> str:
    return " ".join(text.split())
