"""A team's market and settings: known to every machine of one catalog, changed on purpose only."""

from __future__ import annotations

import json
from datetime import date

import pytest

from bondsig_assets.errors import HomeError
from bondsig_assets.home import Home, Market
from bondsig_assets.warehouse import Warehouse, installation
from bondsig_assets.warehouse import shared_settings as shared_module
from bondsig_assets.warehouse.shared_settings import claim, follow, put
from bondsig_assets_tests.command_line import bondsig
from bondsig_assets_tests.sources.wrds_server import OWNER_PASSWORD

pytestmark = pytest.mark.services

TINY = Market(world="tiny")
SPAN = (date(2024, 1, 2), date(2024, 3, 28))
SURE = "[signals]\nmargin = 0.25\n"


@pytest.fixture
def team(server, tmp_path, monkeypatch, initialized_home):
    """Homes of two machines that name the same new catalog and storage."""
    monkeypatch.setattr(installation, "VIEW_FILES", initialized_home / "no_views")
    monkeypatch.setenv("PGPASSWORD", OWNER_PASSWORD)
    name = server.database()
    monkeypatch.setenv("BONDSIG_CATALOG", f"postgres:dbname={name} host={server.folder} user=owner")
    monkeypatch.setenv("BONDSIG_STORAGE", str(tmp_path / "files"))
    (tmp_path / "files").mkdir()
    return Home(tmp_path / "one"), Home(tmp_path / "two")


def audit(home):
    rows = Warehouse(home.path).read(
        "SELECT action, subject, who, before_hash IS NULL FROM audit ORDER BY happened_at, action"
    )
    return rows.rows()


def test_a_second_machine_knows_market_and_settings(team, monkeypatch):
    one, two = team
    assert follow(one).market() is None, "there is no lake yet"
    one.path.mkdir()
    one.learning_file.write_text(SURE)
    monkeypatch.setenv("BONDSIG_USER", "ada")
    claim(one, TINY, SPAN, "seen")
    monkeypatch.setenv("BONDSIG_USER", "bob")
    assert follow(two).market() == TINY and two.date_range() == SPAN
    assert two.fingerprint() == "seen" and two.learning_file.read_text() == SURE
    assert not two.portfolio_file.exists()
    snapshot = Warehouse(two.path).snapshot_id()
    Warehouse(two.path).initialize()
    assert Warehouse(two.path).snapshot_id() == snapshot, "the tables had been set up already"

    later = (SPAN[0], date(2024, 3, 29))
    claim(two, TINY, later)
    assert follow(one).date_range() == later
    assert put(two, "learning", "") and not put(two, "learning", "")
    assert follow(one).learning_file.read_text() == ""
    assert audit(one) == [
        ("market", TINY.describe(), "ada", True),
        ("settings", "learning", "ada", True),
        ("settings", "learning", "bob", False),
    ]


def test_what_conflicts_is_refused_in_one_line_and_left_alone(team):
    one, two = team
    claim(one, TINY, SPAN)
    follow(two)
    two.portfolio_file.write_text("# mine\n")
    with pytest.raises(HomeError, match=r"portfolio.toml is not what the lake .* --apply") as told:
        follow(two)
    assert "\n" not in str(told.value) and two.portfolio_file.read_text() == "# mine\n"
    follow(two, leaving="portfolio")
    put(two, "portfolio", "# ours\n")
    assert follow(one).portfolio_file.read_text() == "# ours\n"
    one.portfolio_file.unlink()
    assert follow(one).portfolio_file.exists()

    other = Market(world="tiny", seed=2)
    with pytest.raises(HomeError, match=r"holds the .*seed 1, .*; you asked for the .*seed 2"):
        claim(one, other, SPAN)
    two.market_file.write_text(two.market_file.read_text().replace('"seed": 1', '"seed": 2'))
    with pytest.raises(HomeError, match="One lake holds one market"):
        follow(two)


def test_the_command_applies_settings_and_tells_who_did(team, tmp_path):
    one, two = team
    claim(one, TINY, SPAN)
    follow(two)
    file = tmp_path / "mine.toml"
    file.write_text(SURE)
    done = bondsig("settings", "learning", "--apply", str(file), BONDSIG_HOME=str(two.path))
    assert done.returncode == 0 and "for every machine" in done.stdout, done.stderr
    assert follow(one).learning_file.read_text() == SURE
    shown = bondsig("settings", BONDSIG_HOME=str(one.path)).stdout
    assert "margin = 0.25" in shown
    file.write_text("[signals]\nmargin = -3\n")
    refused = bondsig("settings", "learning", "--apply", str(file), BONDSIG_HOME=str(two.path))
    assert refused.returncode == 1 and "margin" in refused.stderr
    told = bondsig("audit-log", BONDSIG_HOME=str(one.path)).stdout
    assert "settings" in told and "learning" in told and "market" in told


def test_a_home_that_is_a_folder_stays_as_it_is(tmp_path, monkeypatch):
    monkeypatch.delenv("BONDSIG_CATALOG", raising=False)
    home = Home(tmp_path / "home")
    claim(home, TINY, SPAN)
    before = sorted(path.name for path in home.path.iterdir())
    monkeypatch.setattr(shared_module, "Warehouse", None)
    assert follow(home).market() == TINY
    assert before == sorted(path.name for path in home.path.iterdir()) == ["market.json"]
    assert json.loads(home.market_file.read_text())["last_day"] == "2024-03-28"
