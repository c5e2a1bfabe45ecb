"""What an audit found, for people."""

from rich.box import SIMPLE
from rich.markup import escape
from rich.table import Table

from autograde.audit.trial import Audit


def table(audits: list[Audit]) -> Table:
    """One row an assignment: what was tried, and how much of it came out as it should. Fits 80 characters."""
    made = Table(title="audit", title_justify="left", box=SIMPLE, pad_edge=False, collapse_padding=True)
    made.add_column("assignment", no_wrap=True)
    for name in ("prob-\nlems", "right\npass", "wrong\nfail", "mutants\nfail", "kill\nrate", "equi-\nvalent", "\ntime"):
        made.add_column(name, justify="right", no_wrap=True)
    for one in audits:
        made.add_row(escape(one.assignment), *_numbers([one]))
    if len(audits) > 1:
        made.add_section()
        made.add_row("all", *_numbers(audits))
    return made


def _numbers(audits: list[Audit]) -> list[str]:
    killed, tried = sum(one.killed for one in audits), sum(one.tried for one in audits)
    return [
        str(sum(len(one.problems) for one in audits)),
        str(sum(one.right for one in audits)),
        str(sum(one.wrong for one in audits)),
        f"{killed}/{tried}",
        f"{killed / tried:.1%}" if tried else "-",
        str(sum(one.equivalent for one in audits)),
        f"{sum(one.seconds for one in audits):.0f} s",
    ]


def details(audit: Audit, messages: bool) -> list[str]:
    """Every problem and every mutant that passed, one text each; with `messages`, also what wrong answers were told."""
    told = [f"{audit.assignment}: {problem}" for problem in audit.problems]
    told += [f"{audit.assignment}, remark: {remark}" for remark in audit.remarks]
    told += [f"{audit.assignment}, passes all tests: {mutant}" for mutant in audit.survivors]
    if messages:
        told += [f"\n{audit.assignment}, {title}\n{said}" for title, said in audit.messages.items()]
    return told
