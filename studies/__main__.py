"""`python -m studies`: all studies, then the page; what is done already is kept.

Belongs here: which studies there are and their order. Not here: the studies.
"""

from __future__ import annotations

import hashlib
import time
import warnings
from pathlib import Path

import click

from bondsig_assets.home import PACKAGE, current_home
from studies.ceiling_studies import ceiling_units
from studies.chain_studies import chain_units, real_unit
from studies.cheating import cheating_units
from studies.money import money_units
from studies.monitoring_studies import monitoring_units
from studies.news_studies import news_chain_units, news_units
from studies.panel_studies import panel_units
from studies.report import write_report
from studies.units import run_units

#: Packages whose code decides what a study finds; a change there does its pieces again.
_DECIDING = (
    "assets",
    "bonds",
    "features",
    "learning",
    "monitoring",
    "portfolio",
    "reading",
    "securities",
    "sources",
    "trace",
)
_REPOSITORY = Path(__file__).resolve().parents[1]
STUDIES = (
    "news",
    "ceiling",
    "goal",
    "money",
    "monitoring",
    "null",
    "power",
    "chain",
    "cheating",
    "real",
)


@click.command()
@click.option(
    "--folder",
    type=click.Path(path_type=Path),
    default=None,
    help="Where worlds and results of pieces are kept (default: research/ in the home).",
)
@click.option(
    "--docs",
    type=click.Path(path_type=Path),
    default=_REPOSITORY / "docs",
    help="Where results.md goes.",
)
@click.option(
    "--real",
    type=click.Path(path_type=Path, exists=True),
    default=None,
    help="Folder of credit_2006_2012; without it that study is left out.",
)
@click.option(
    "--only", default=",".join(STUDIES), help=f"Some of {', '.join(STUDIES)}, with commas."
)
@click.option(
    "--keep-code",
    is_flag=True,
    help="Take finished pieces as they are although the code has changed since.",
)
def main(folder: Path | None, docs: Path, real: Path | None, only: str, keep_code: bool) -> None:
    """Run the studies and write docs/results.md."""
    warnings.simplefilter("ignore")
    chosen = [name.strip() for name in only.split(",") if name.strip()]
    if unknown := [name for name in chosen if name not in STUDIES]:
        raise click.UsageError(f"unknown study '{unknown[0]}'; studies are: {', '.join(STUDIES)}")
    folder, began = folder or current_home().path / "research", time.monotonic()
    version = code_version()
    panels = [
        unit for unit in panel_units() if ("power" if unit.study == "power" else "null") in chosen
    ]
    news = news_units() if "news" in chosen else []
    if "ceiling" in chosen:
        # After the worlds, whose judged rows are kept for them.
        news += ceiling_units()
    if "goal" in chosen:
        news += news_chain_units()
    if "money" in chosen:
        news += money_units()
    if "monitoring" in chosen:
        news += monitoring_units()
    whole = []
    if "chain" in chosen or "cheating" in chosen:
        whole += chain_units()
    if "cheating" in chosen:
        whole += cheating_units()
    if "real" in chosen and real is not None:
        whole.append(real_unit(real.resolve()))
    results = run_units(news + panels, folder, version, click.echo, any_version=keep_code)
    results |= run_units(whole, folder, version, click.echo, workers=1, any_version=keep_code)
    seconds = sum(one["seconds"] for units in results.values() for one in units.values())
    took = (
        f"{sum(len(units) for units in results.values())} pieces, {seconds / 60:.0f} minutes of"
        " work in all (pieces of worlds run two at a time on two cores)"
    )
    if keep_code:
        took += "; what earlier versions of the code had done was taken as it was"
    command = "make research REAL=DIR" if real is not None else "make research"
    if set(chosen) != set(STUDIES):
        command = f"python -m studies --only {','.join(chosen)}"
    write_report(results, docs, command, took)
    click.echo(f"{docs / 'results.md'} written, after {(time.monotonic() - began) / 60:.0f} min")


def code_version() -> str:
    """Fingerprint of the code that decides what a study finds."""
    digest = hashlib.sha256()
    for folder in (*(PACKAGE / name for name in _DECIDING), Path(__file__).parent):
        for path in sorted(folder.rglob("*.py")):
            digest.update(path.read_bytes())
    return digest.hexdigest()[:12]


if __name__ == "__main__":
    main()
