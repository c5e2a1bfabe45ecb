"""What an audit found, for people."""

from rich.markup import escape
from rich.table import Table

from autograde.audit.trial import Audit


def table(audits: list[Audit]) -> Table:
    """One row an assignment: what was tried, and how much of it came out as it should."""
    made = Table(title="audit", title_justify="left")
    made.add_column("assignment", no_wrap=True)
    for name in ("problems", "right pass", "wrong fail", "mutants fail", "equivalent", "seconds"):
        made.add_column(name, justify="right")
    for one in audits:
        made.add_row(
            escape(one.assignment),
            str(len(one.problems)),
            str(one.right),
            str(one.wrong),
            f"{one.killed} of {one.tried} ({one.kill_rate:.1%})",
            str(one.equivalent),
            f"{one.seconds:.0f}",
        )
    return made


def details(audit: Audit, messages: bool) -> list[str]:
    """Every problem and every mutant that passed, one text each; with `messages`, also what wrong answers were told."""
    told = [f"{audit.assignment}: {problem}" for problem in audit.problems]
    told += [f"{audit.assignment}, remark: {remark}" for remark in audit.remarks]
    told += [f"{audit.assignment}, passes all tests: {mutant}" for mutant in audit.survivors]
    if messages:
        told += [f"\n{audit.assignment}, {title}\n{said}" for title, said in audit.messages.items()]
    return told
