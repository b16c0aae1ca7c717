"""What is installed beyond the slim package, and saying what is missing.

Belongs here: which extra brings which library. Not here: the lists themselves (`pyproject.toml`; a
test holds the two together).
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from bondsig_assets.errors import MissingExtraError

#: Top-level module → extra that brings it.
EXTRAS = {
    "adbc_driver_postgresql": "wrds",
    "adbc_driver_manager": "wrds",
    "pyreadstat": "formats",
    "fastexcel": "formats",
    "keras": "deep",
    "jax": "deep",
    "marimo": "notebook",
    "boto3": "team",
    "cryptography": "team",
    "dagster_postgres": "team",
    "psycopg2": "team",
    "distributed": "cluster",
    **dict.fromkeys(
        (
            "clarabel",
            "dagster",
            "dagster_webserver",
            "duckdb",
            "filelock",
            "great_expectations",
            "lightgbm",
            "matplotlib",
            "mlflow",
            "optuna",
            "pandas",
            "psutil",
            "scipy",
            "sqlalchemy",
            "starlette",
            "xgboost",
        ),
        "platform",
    ),
}


@contextmanager
def needs(what: str) -> Iterator[None]:
    """Turn the absence of an optional library into one line that names the extra.

    Raises MissingExtraError; a module that no extra brings is missing for another reason and goes
    on as it is.
    """
    try:
        yield
    except ModuleNotFoundError as error:
        missing = (error.name or "").split(".")[0]
        if missing not in EXTRAS:
            raise
        raise MissingExtraError(
            f"{what} needs {missing}, which is not installed: pip install"
            f" 'bondsig[{EXTRAS[missing]}]'"
        ) from error
