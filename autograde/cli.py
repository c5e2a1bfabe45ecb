"""The command `autograde`: release assignments, check and grade notebooks.

Each command has a module of its own in `autograde.commands`; what they share, options and the way errors are told, is
in `autograde.commands.shared`.
"""

import sys

import typer

from autograde.commands import audit, check, demo, feedback, grade, release, report, worker

app = typer.Typer(
    help="Release assignments, check a notebook before handing it in, grade a class.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)
app.command("release")(release.release)
app.command("check")(check.check)
app.command("grade")(grade.grade)
app.command("feedback")(feedback.feedback)
app.command("report")(report.report)
app.command("demo")(demo.demo)
app.command("audit")(audit.audit)
app.command("worker")(worker.worker)


def main() -> None:
    """Run the command line."""
    # jsonschema would build a grammar for internationalised addresses, 0.8 s, and no notebook holds one to validate.
    sys.modules.setdefault("rfc3987_syntax", None)
    app()
