"""Addresses with a minute's patience: every form that libpq takes, and what they say themselves."""

# A test's name says what it shows.
# ruff: noqa: D103

import pytest

from bondsig_assets.warehouse.server_address import patient_address


def told(address):
    psycopg2 = pytest.importorskip("psycopg2")
    return psycopg2.extensions.parse_dsn(patient_address(address))


@pytest.mark.parametrize(
    "address",
    ["dbname=lake host=db user=ada", "postgresql://ada@db/lake", "postgresql://ada@db/lake?a=b"],
)
def test_words_and_urls_get_all_of_it(address):
    made = told(address.replace("?a=b", "?application_name=b"))
    assert (made["dbname"], made["host"], made["user"]) == ("lake", "db", "ada")
    assert (made["keepalives_idle"], made["tcp_user_timeout"]) == ("30", "60000")
    assert made["options"].split(" -c ")[1:] == [
        "tcp_keepalives_interval=10",
        "tcp_keepalives_count=3",
        "tcp_user_timeout=60000",
    ]


@pytest.mark.parametrize(
    "address",
    [
        "dbname=lake keepalives_idle = 5 options=''",
        "postgresql://db/lake?keepalives_idle=5&options=",
    ],
)
def test_what_is_said_stands(address):
    made = told(address)
    assert made["keepalives_idle"] == "5" and made["keepalives_count"] == "3"
    assert not made.get("options")
